"""What is said of a password and is not one: "my password is expired", "password: str", "the password is in Bitwarden".

Words that end like an English participle need no entry.
"""

from operator_memory.domain.text import word_set

_ENGLISH = """
    about again alone also always ambiguous any bad better blank broken case-sensitive clear common compromised correct
    dead default different down easy either email empty encrypted everywhere fine forgotten free garbage gone good great
    hard here hidden his home horrible identical important impossible incorrect insecure invalid known leaked long lost
    mandatory mine missing necessary never new nonsense none nothing null okay optional other out outdated private
    public reset rubbish safe same secret secure sensitive sent set short simple somewhere stale still stolen strange
    strong stuck terrible that there this tomorrow too true false undefined unique unknown unsafe useless valid visible
    weak what where which wrong yours prompt enough written kept shown today correctly yesterday soon now ready
"""
# Types, hashes and products, as they stand beside the word in code and in talk about it
_TECHNICAL = """
    string text bool boolean bytes hash field policy manager protection length sha1 sha256 sha512 md5 base64 oauth2 utf8
    bcrypt argon2 argon2id pbkdf2 1password bitwarden lastpass keepass keepassxc dashlane
"""
# German, Spanish, French, Portuguese, Italian, Dutch, Polish, Russian
_OTHER_LANGUAGES = """
    abgelaufen falsch geheim geändert kurz lang leer nötig richtig schlecht schwach sicher stark unsicher vergessen
    verloren zurückgesetzt gleich korrekt ungültig weg
    incorrecta correcta olvidada segura insegura larga corta nueva vieja débil fuerte igual caducada obligatoria
    oublié perdu faux expiré faible fort nouveau obligatoire court
    errada esquecida fraca forte nova velha sbagliata dimenticata scaduta debole sicura nuova vecchia
    verkeerd vergeten verlopen zwak sterk veilig nieuw słabe błędne забыт неверный слабый
"""
NOT_PASSWORDS = word_set(f"{_ENGLISH} {_TECHNICAL} {_OTHER_LANGUAGES}")
SENTENCE_WORDS = word_set(
    "a and are at be down enter forgot in is must not on or please somewhere stored the to very will with written you "
    "your"
)
"""Several words with one of these are a sentence about passwords, not a passphrase."""
