"""What people paste and say: secrets in sentences, and harmless texts that look like secrets.

Every secret is made when the tests run, from parts and from a generator, so that no scanner of this repository
finds one in it. None was ever valid.
"""

import base64
import hashlib
import json
import zlib
from dataclasses import dataclass

_DIGITS = "0123456789"
_LOWER = "abcdefghijklmnopqrstuvwxyz"
_UPPER = _LOWER.upper()
_BASE62 = _DIGITS + _UPPER + _LOWER
_BASE64URL = _BASE62 + "-_"
_HEX = _DIGITS + "abcdef"


def made(length: int, alphabet: str = _BASE62, seed: str = "") -> str:
    """``length`` characters of ``alphabet`` that look random and are the same in every run."""
    digest = b"".join(hashlib.sha256(f"{seed}{length}{alphabet}{i}".encode()).digest() for i in range(length // 32 + 1))
    return "".join(alphabet[byte % len(alphabet)] for byte in digest[:length])


def _with_checksum(prefix: str) -> str:
    """A token whose last six characters are the base62 CRC-32 of the thirty before, as GitHub's and npm's are."""
    body = made(30, seed=prefix)
    number, digits = zlib.crc32(body.encode()), ""
    while number:
        number, rest = divmod(number, 62)
        digits = _BASE62[rest] + digits
    return prefix + body + digits.rjust(6, "0")


def _jwt(claims: dict[str, object]) -> str:
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    return ".".join([base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts] + [made(43, _BASE64URL)])


def _pem(kind: str, *, lines: int = 6, closed: bool = True, newline: str = "\n") -> str:
    dashes = "-" * 5
    body = [f"MII{made(61)}", *(made(64, seed=str(i)) for i in range(lines - 1))]
    end = [f"{dashes}END {kind}{dashes}"] if closed else []
    return newline.join([f"{dashes}BEGIN {kind}{dashes}", *body, *end])


def _base64(length: int, seed: str = "") -> str:
    return base64.b64encode(hashlib.sha512(seed.encode()).digest() * 2)[:length].decode()


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret in a sentence. ``kind`` is what it is redacted as."""

    name: str
    before: str
    secret: str
    after: str
    kind: str

    @property
    def text(self) -> str:
        return self.before + self.secret + self.after

    @property
    def redacted(self) -> str:
        return f"{self.before}[redacted: {self.kind}]{self.after}"


_API_KEYS = [
    ("DigitalOcean", "doctl auth init -t ", "do" + "p_v1_" + made(64, _HEX), ""),
    ("AWS access key", "My key id is ", "AKI" + "A" + made(16, "234567" + _UPPER), ", can you list the buckets?"),
    ("AWS secret key", "aws_secret_access_key = ", made(40, _BASE62 + "/+"), "\nregion = eu-west-1"),
    ("Azure storage", "DefaultEndpointsProtocol=https;AccountName=ada;AccountKey=", _base64(86) + "==",
     ";EndpointSuffix=core.windows.net"),
    ("Azure client secret", "AZURE_CLIENT_SECRET=", "abc8Q~" + made(34, _BASE64URL), "\n"),
    ("Google API key", "Maps runs on ", "AIz" + "aSy" + made(33, _BASE64URL), "."),
    ("Google OAuth secret", "the client secret is ", "GOC" + "SPX-" + made(28), " for the web app"),
    ("OpenAI project", "export OPENAI_API_KEY=", "sk-" + "proj-" + made(74, seed="a") + "T3Blbk" + "FJ"
     + made(74, seed="b"), "\npython main.py"),
    ("OpenAI old", "I use ", "sk-" + made(20) + "T3Blbk" + "FJ" + made(20, seed="c"), " for this."),
    ("Anthropic", "Claude's key: ", "sk-" + "ant-api03-" + made(93, _BASE64URL) + "AA", " thanks"),
    ("OpenRouter", "openrouter: ", "sk-" + "or-v1-" + made(64, _HEX), ""),
    ("Groq", "(groq ", "gs" + "k_" + made(52), ")"),
    ("SendGrid", "mail goes out with ", "S" + "G." + made(22, _BASE64URL) + "." + made(43, _BASE62), "!"),
    ("Mailchimp", "our list key ", made(32, _HEX, "m") + "-us12", " is for the newsletter"),
    ("Datadog-like header", "curl -H 'X-Api-Key: ", made(32, _HEX, "x"), "' https://api.example.com/v1"),
    ("JSON field", '{"api_key": "', made(32, _BASE62, "j"), '", "region": "eu"}'),
    ("query string", "https://api.example.com/v2/items?api_key=", made(32, _BASE62, "q"), "&page=2"),
    ("said", "my API key is ", made(40, _BASE62, "s"), " and it expires in May"),
    ("German", "Der API-Schlüssel lautet ", made(32, _BASE62, "g"), "."),
]  # fmt: skip
_TOKENS = [
    ("Twilio", "Twilio auth token: ", made(32, _HEX), ""),
    ("Stripe restricted", "or the restricted one, ", "rk_" + "live_" + made(24), ""),
    ("Stripe live", "charge them with ", "sk_" + "live_" + made(24), " please"),
    ("GitHub classic", "push with ", _with_checksum("gh" + "p_"), " as Ada"),
    ("GitHub OAuth", "it answered ", _with_checksum("gh" + "o_"), ""),
    ("GitHub fine-grained", "token=", "github" + "_pat_" + made(22) + "_" + made(59), "\n"),
    ("GitLab", "GitLab: ", "gl" + "pat-" + made(20, _BASE64URL), ", read only"),
    ("Slack bot", "The bot's ", "xo" + "xb-" + made(12, _DIGITS) + "-" + made(13, _DIGITS) + "-" + made(24), ""),
    ("Slack user", "and mine: ", "xo" + "xp-" + made(11, _DIGITS) + "-" + made(11, _DIGITS, "2") + "-"
     + made(11, _DIGITS, "3") + "-" + made(32, _HEX), "."),
    ("Slack webhook", "Post to ", "https://hooks.sl" + "ack.com/services/T" + made(9, _UPPER) + "/B" + made(9, _UPPER)
     + "/" + made(24), " every Monday"),
    ("Hugging Face", "huggingface-cli login --token ", "h" + "f_" + made(34, _LOWER + _UPPER), ""),
    ("npm", "//registry.npmjs.org/:_authToken=", _with_checksum("np" + "m_"), "\n"),
    ("PyPI", "twine upload -u __token__ -p ", "py" + "pi-AgEIcHlwaS5vcmc" + made(160, _BASE64URL), " dist/*"),
    ("Telegram", "my bot is ", made(9, "123456789") + ":AA" + made(33, _BASE64URL), " (weather)"),
    ("Shopify", "store: ", "shp" + "at_" + made(32, _HEX), ""),
    ("Vault", "VAULT_TOKEN=", "hv" + "s." + made(95, _BASE64URL), "\n"),
    ("Docker Hub", "docker login with ", "dck" + "r_pat_" + made(27, _BASE64URL), "; it is mine"),
    ("Databricks", "databricks ", "da" + "pi" + made(32, _HEX), ""),
    ("Supabase", "sb: ", "sb" + "p_" + made(40, _HEX), ""),
    ("JWT", "he sent me ", _jwt({"sub": "ada", "iat": 1516239022}), " - what is in it?"),
    ("bearer header", "curl -H 'Authorization: Bearer ", made(48, _BASE64URL), "' https://api.example.com"),
    ("said", "the access token is ", made(40, _BASE62, "t"), ", valid for an hour"),
]  # fmt: skip
_WORDS = (
    "void come effort suffer camp survey warrior heavy shoot primary clutch crush open amazing screen patrol group "
    "space point ten exist slush involve unfold"
)
_PRIVATE_KEYS = [
    ("RSA", "Here:\n", _pem("RSA PRIVATE" + " KEY"), "\nuse it for the server"),
    ("OpenSSH", "", _pem("OPENSSH PRIVATE" + " KEY"), ""),
    ("PKCS 8 in JSON", '{"private_key": "', _pem("PRIVATE" + " KEY", newline="\\n") + "\\n", '", "type": "x"}'),
    ("truncated", "my key starts with\n", _pem("EC PRIVATE" + " KEY", lines=2, closed=False), "\n\nand it goes on"),
    ("PGP", "gpg: ", _pem("PGP PRIVATE" + " KEY BLOCK"), "\n"),
    ("Windows lines", "key:\r\n", _pem("ENCRYPTED PRIVATE" + " KEY", newline="\r\n"), "\r\ndone"),
    ("hex", "my wallet's private key is ", "0x" + made(64, _HEX), "."),
    ("12 words", "My seed phrase is ", "witch collapse practice feed shame open despair creek road again ice least",
     ", keep it safe"),
    ("24 words", "Recovery phrase:\n", " ".join(f"{i}. {word}" for i, word in enumerate(_WORDS.split(), 1)), "\n"),
]  # fmt: skip
_CARDS = [
    ("Visa", "My card is ", "4242 4242 4242 4242", ", valid till 12/29"),
    ("Visa in one", "pay with ", "4111111111111111", "."),
    ("Mastercard", "(", "5555-5555-5555-4444", ")"),
    ("Mastercard 2", "the new one ", "2223 0031 2200 3222", ""),
    ("American Express", "amex ", "3782 822463 10005", " of the company"),
    ("Discover", "discover: ", "6011 1111 1111 1117", ""),
    ("Diners", "", "3056 930902 5904", " is my Diners"),
    ("JCB", "JCB ", "3566002020360505", ""),
    ("UnionPay", "card:", "6200 0000 0000 0005", "\n"),
]
_PASSWORDS = [
    ("basic header", "Authorization: Basic ", base64.b64encode(b"ada:" + made(12).encode()).decode(), "\nAccept: */*"),
    ("said", "my password is ", "hunter2", ""),
    ("a word", "My Netflix password is ", "swordfish", ", don't tell anyone."),
    ("wifi", "The wifi password: ", "Sunflower-42!", "\nThe printer is upstairs."),
    ("for a place", "The password for the staging server is ", "tr0ub4dor&3", " since Monday"),
    ("changed", "I changed my password to ", "Blue#Monday9", " yesterday"),
    ("quoted", 'use the password "', "correct horse battery staple", '" there'),
    ("reversed", "log in as ada with password ", "s3same0pen", ", please"),
    ("line break", "password:\n", "Qwertz!2024", "\n"),
    ("env", "DB_PASSWORD=", "pa55-w0rd", "\nDB_HOST=db"),
    ("YAML", "  password: ", "Mellon12", "\n  user: ada"),
    ("JSON", '{"user": "ada", "password": "', "x9!kLm", '"}'),
    ("command line", "mysql -u root --password=", "R00tR00t", " shop"),
    ("curl", "curl -u ada:", "l0vel4ce", " https://example.com/private"),
    ("URL", "https://ada:", "l0vel4ce!", "@intranet.example.com/wiki"),
    ("Postgres", "postgresql://app:", "Zq8_vT4r", "@db.internal:5432/shop?sslmode=require"),
    ("Mongo", "mongodb+srv://ada:", "m0ngo-Pass", "@cluster0.example.net/test"),
    ("Redis", "redis://:", "c4che-me", "@cache:6379/0"),
    ("SQL Server", "Server=db;Database=shop;User Id=sa;Password=", "Str0ng.Enough", ";Encrypt=yes"),
    ("PIN", "my PIN is ", "4821", ""),
    ("card PIN", "PIN for the debit card: ", "0917", "."),
    ("door", "The door code is ", "4711#", " (ring twice)"),
    ("alarm", "alarm code: ", "90210", ""),
    ("one-time", "Your verification code is ", "482913", ". Do not share it."),
    ("one-time first", "", "593021", " is your Google verification code"),
    ("OTP", "OTP ", "771204", " arrived"),
    ("two factor", "the 2FA code was ", "123 456", ", too late"),
    ("CVV", "expires 12/29, CVV ", "837", ""),
    ("German", "Mein Passwort ist ", "Sommer2024", "."),
    ("German wifi", "Das WLAN-Passwort lautet ", "Katzenklo7", ""),
    ("German old", "Kennwort: ", "geheim99", ""),
    ("Spanish", "mi contraseña es ", "perroverde", ""),
    ("Spanish wifi", "la clave del wifi es ", "mariposa88", ", apúntala"),
    ("French", "Mon mot de passe est ", "soleil75", "."),
    ("French colon", "mot de passe : ", "Camembert!", ""),
    ("Portuguese", "minha senha é ", "futebol10", ""),
    ("Italian", "la password è ", "gattonero3", ""),
    ("Dutch", "mijn wachtwoord is ", "fiets1234", ""),
    ("Polish", "moje hasło to ", "kotek55", ""),
    ("Russian", "мой пароль ", "zvezda77", ""),
    ("Chinese", "我的密码是", "abc12345", "。"),
    ("Japanese", "パスワードは", "sakura39", "です"),
]  # fmt: skip

SECRETS = [
    Secret(f"{kind}: {name}", before, secret, after, kind)
    for kind, rows in (
        ("api_key", _API_KEYS),
        ("token", _TOKENS),
        ("private_key", _PRIVATE_KEYS),
        ("card_number", _CARDS),
        ("password", _PASSWORDS),
    )
    for name, before, secret, after in rows
]

INNOCENT = [
    # Identifiers
    "The run is 3f2504e0-4f89-41d3-9a0c-0305e82c3301, please look at it.",
    f"Fixed in {made(40, _HEX)}, see the log.",
    f"git show {made(7, _HEX)}",
    f"sha256: {made(64, _HEX, 'sha')}",
    f"md5sum says {made(32, _HEX, 'md5')}  photo.jpg",
    f"image@sha256:{made(64, _HEX, 'docker')}",
    f'"integrity": "sha512-{_base64(86, "npm")}=="',
    f"![cat](data:image/png;base64,iVBORw0KGgo{_base64(120, 'png')})",
    f"iVBORw0KGgo{_base64(160, 'png2')}",
    "https://www.youtube.com/watch?v=dQw4w9WgXcQ",
    f"https://docs.google.com/document/d/{made(44, _BASE64URL)}/edit",
    f"https://example.com/a/{made(24)}/b/{made(32, _HEX)}?utm_source=mail&id={made(20)}",
    "https://eu-west-1.console.aws.amazon.com/s3/home?region=eu-west-1#",
    "arn:aws:iam::123456789012:role/operator-memory-extraction",
    f"customer cus_{made(14)} paid with pi_{made(24)}",
    f"pk_live_{made(24)} is the publishable one",
    "Trace 1-67891233-abcdef012345678912345678",
    f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA{made(44)} ada@laptop",
    "-----BEGIN PUBLIC KEY-----\n" + made(64) + "\n-----END PUBLIC KEY-----",
    "-----BEGIN CERTIFICATE-----\nMII" + made(61) + "\n-----END CERTIFICATE-----",
    f"send it to 0x{made(40, _HEX)} on Ethereum",
    "my bitcoin address is bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
    "MAC 00:1B:44:11:3A:B7, IP 2001:0db8:85a3:0000:0000:8a2e:0370:7334",
    "channel C024BE91L, user U012AB3CD, team T0G9PQBBK",
    "The ULID is 01ARZ3NDEKTSV4RRFFQ69G5FAV.",
    "tweet 1580661436132757506 made me laugh",
    "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG is on IPFS",
    # Numbers
    "My IBAN is DE89 3704 0044 0532 0130 00.",
    "IBAN GB29NWBK60161331926819, BIC NWBKGB2L",
    "Call me on +49 30 1234567 or 0171 2345678",
    "order 4111111111111112 has not arrived",
    "ISBN 978-3-16-148410-0",
    "IMEI 490154203237518",
    "parcel 1Z999AA10123456784, or 00340434161094042557",
    "The meeting id is 842 1234 5678",
    "my tax number is 12 345 678 901",
    "born 1984-04-21, passport C01X00T47",
    "pi is 3.14159265358979323846264338327950288",
    "timestamp 1700000000000000000 ns, or 1700000000000 ms",
    "0000 0000 0000 0000",
    "42424242424242424242424242424242",
    "the account number is 1234567890123456",
    "The discount code is SAVE20, the zip code is 94103.",
    "error code 404, exit code 137, country code 49",
    "Booking code QK7RTZ, gate code sharing starts 9:30",
    "PIN code 560001 is in Bengaluru",
    "it costs $4,821 for 2,000 people",
    # The words, without a secret
    "I forgot my password again",
    "my password is not working",
    "My password is too weak, what should I do?",
    "The password is expired.",
    "my password was leaked last year",
    "Your password must contain at least 8 characters",
    "password reset does not work",
    "Passwords: use a manager such as 1Password",
    "I keep my passwords in Bitwarden",
    "the password is stored in the vault",
    "Is the password case-sensitive?",
    "The password for the course is sent by mail",
    "What is the wifi password?",
    "my PIN was rejected 3 times",
    "I put a pin on the map at 52.52",
    "He won by a pin in 2019",
    "Ich habe mein Passwort vergessen",
    "mein Passwort ist falsch",
    "he olvidado mi contraseña, ¿qué hago?",
    "la clave es la paciencia",
    "la clé du succès est la patience",
    "mot de passe oublié",
    "the key is under the mat",
    "The secret: butter, and a lot of it.",
    "My secret is that I never learned to swim",
    "the secret to a good risotto is patience",
    "a bearer of bad news",
    "I need a token for the bus",
    "each token costs 0.5 cents, the limit is 128000 tokens",
    "API key rotation is due in March",
    "Where do I find my API key?",
    "we authenticate with a bearer token in the header",
    "the code review is at 14:00",
    "the code is in main.py",
    "verification code not received",
    "two-factor authentication is on since 2021",
    "My seed phrase is in a safe at my parents' house, nobody else can get there at all",
    # Code and placeholders
    'api_key = os.environ["OPENAI_API_KEY"]',
    "password = getpass.getpass()",
    "def login(user: str, password: str) -> bool:",
    "const token = await getToken(user.id)",
    "DB_PASSWORD=${DB_PASSWORD}",
    "password: <your password>",
    "OPENAI_API_KEY=your-api-key-here",
    "password: ********",
    "Authorization: Bearer <token>",
    "Authorization: Bearer $TOKEN",
    "postgres://localhost:5432/shop",
    "git@github.com:ada/engine.git and https://ada@example.com/",
    "https://example.com/reset-password?lang=en",
    "tokenizer = AutoTokenizer.from_pretrained('bert-base-uncased')",
    "if (password.length < 12) return 'too short'",
    "SELECT id, password_hash FROM users WHERE email = $1",
    "sk-learn and task-management-for-beginners-and-experts",
    "max_tokens=1024, temperature=0.2, token_type_ids=0",
    "The file is called private_key.pem",
    "My API key is safe in the vault",
    "class PasswordResetController < ApplicationController",
    "secret santa 2024: Ada gives to Grace",
    # Words in other languages and scripts
    "Die Pinnwand im Büro 1234 ist voll",
    "Gib mir bitte den Schlüssel zum Keller",
    "我忘记了密码",
    "パスワードを忘れました",
    "я забыл пароль",
    "הסיסמה שלי לא עובדת",
    "🔑 is my favourite emoji 🗝️",
    "",
    " \n\t ",
    "Ada\u2028likes\u00a0tea\u200b.\r\nAnd coffee.",
]
