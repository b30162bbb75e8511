"""Texts of many kinds, for what has to hold of any text: languages, code, numbers, keys, emoji."""

import base64
import random
import string
import uuid

ENGLISH = (
    "Prefers answers as short bullet lists, in British English, and no small talk before the result.",
    "She moved to Lisbon in March, rents a flat near the river and takes the ferry to work every morning.",
    "We talked about the garden for an hour: the tomatoes came up late, the beans did well, and the fox is back.",
    "Please remember that my sister's birthday is on the second of June and that she doesn't eat chocolate.",
    "The team agreed to release on Thursdays only, after the review, unless a customer is waiting for a fix.",
    "I used to play the cello, but since the accident I can only listen; Bach still makes me cry sometimes.",
    "User is rewatching the old detective series with their father whenever the weather is bad.",
    "He asked whether the old printer could be repaired, because buying a new one felt like a waste of money.",
)

LANGUAGES = (
    "Ich wohne seit 2019 in München und fahre jeden Tag mit dem Fahrrad zur Arbeit.",
    "Je préfère les réponses courtes, et j'habite près de l'église depuis l'été dernier.",
    "Mi hija pequeña cumple años en mayo y le encantan los cuentos de dragones.",
    "A minha irmã mora em São Paulo e não come carne desde a infância.",
    "Preferisco lavorare la mattina presto, perché dopo pranzo mi addormento facilmente.",
    "Nie lubię kawy, ale chętnie piję gorącą herbatę z cytryną.",
    "Přestěhoval jsem se do Plzně a každý čtvrtek chodím na večerní kurz češtiny.",
    "Minden reggel kávét iszom, mielőtt elindulnék a munkahelyemre Székesfehérvárra.",
    "Muutin viime syksynä Jyväskylään, koska vaimoni sai yliopistolta työpaikan.",
    "Jag föredrar korta svar på svenska och bor i Göteborg sedan förra året.",
    "Geçen yıl İstanbul'a taşındım ve her sabah şekersiz Türk kahvesi içiyorum.",
    "Tôi thích uống trà xanh vào buổi sáng và sống ở Đà Nẵng từ năm ngoái.",
    "Locuiesc în București și îmi place să citesc înainte de culcare.",
    "Ik woon sinds vorig jaar in Utrecht en drink 's ochtends liever thee dan koffie.",
    "Saya lebih suka jawaban singkat dan tinggal di Yogyakarta sejak tahun lalu.",
    "Ninapendelea kunywa chai asubuhi na ninaishi Mombasa na familia yangu.",
    "Rwy'n byw yn Llanfairpwllgwyngyll ac mae'n well gen i yfed te yn y bore.",
    "Живёт в Санкт-Петербурге и любит чай, а кофе не пьёт уже три года.",
    "Я переїхав до Києва минулого року і щоранку п'ю зелений чай.",
    "Μένω στη Θεσσαλονίκη από πέρσι και προτιμώ τον καφέ χωρίς ζάχαρη.",
    "שלום עולם, אני גר בתל אביב ואוהב לשתות תה ירוק בבוקר.",
    "أعيش في القاهرة منذ العام الماضي وأفضل شرب الشاي الأخضر في الصباح.",
    "من از پارسال در تهران زندگی می‌کنم و صبح‌ها چای سبز می‌خورم.",
    "मैं पिछले साल से मुंबई में रहता हूँ और सुबह हरी चाय पीना पसंद करता हूँ।",
    "আমি গত বছর থেকে ঢাকায় থাকি এবং সকালে সবুজ চা পছন্দ করি।",
    "நான் கடந்த ஆண்டு முதல் சென்னையில் வசிக்கிறேன், காலையில் தேநீர் குடிக்கிறேன்.",
    "ฉันอาศัยอยู่ที่เชียงใหม่ตั้งแต่ปีที่แล้วและชอบดื่มชาเขียวตอนเช้า",
    "გასული წლიდან თბილისში ვცხოვრობ და დილით მწვანე ჩაის დალევა მიყვარს.",
    "Անցյալ տարվանից ապրում եմ Երևանում և առավոտյան կանաչ թեյ եմ խմում։",
    "ካለፈው ዓመት ጀምሮ አዲስ አበባ እኖራለሁ፣ ጠዋት ሻይ እጠጣለሁ።",
    "私は東京に住んでいて、お茶が好きです。コーヒーは飲みません。",
    "我去年搬到了上海，喜欢喝绿茶，不喜欢咖啡。",
    "請用繁體中文簡短回答，我住在臺北，女兒今年五歲。",
    "저는 작년부터 서울에 살고 있으며 아침에 녹차를 마시는 것을 좋아합니다.",
)

TECHNICAL = (
    "Ask Oluwaseun Adeyemi, Nguyen Thi Phuong, Krzysztof Szczepanski and Xiuying Zhang about Kyrgyzstan.",
    "We did it 🎉🎉🎉 see you at 7pm 👩‍👩‍👧‍👦 ❤️ 👍🏽 🏳️‍🌈 🇵🇹",
    "| id | name | qty |\n|----|------|-----|\n| 1 | foo_bar | 3.50 |\n**bold** `code` [x](https://example.com/a?b=c#d)",
    "SELECT u.id, COUNT(*) AS n FROM users u WHERE u.created_at >= '2026-01-01' GROUP BY 1 HAVING COUNT(*)>3;",
    "∀x∈ℝ: ∃ε>0, |f(x)−L|<ε ⇒ ∑_{i=1}^{n} xᵢ² ≤ √π ≈ 1.7724538509",
    "╔══════╗ ║ menu ║ ╚══════╝ ▓▓▒▒░░ → ← ↔ ✓ ✗ ★ ☆",
    "Order ZX-48213-QK, IBAN DE89370400440532013000, VIN 1HGCM82633A004352, flight TP1234, sha 9f86d081884c7d65",
    "/usr/local/lib/python3.13/site-packages/foo_bar/__init__.py C:\\Users\\ada\\AppData\\Roaming\\x.ini",
    "THE USER PREFERS SHORT ANSWERS AND LIVES IN LISBON. URGENT: CALL ASAP!!!",
    "def f(xs: list[int]) -> dict[str, float]:\n    return {f'{x:>03d}': x ** 0.5 for x in xs if x % 2 == 0}",
    '{"a": [1, 2, {"b": null}], "camelCaseName": "x\\ny", "tags": ["#1", "@you"]}',
    "'Tis don't I'LL you'RE we'd  a    b\t\tc     d  .   e … — “q” ‘q’ «q»",
    "Bye for now!",
    "OK",
)


def random_texts(seed: int, count: int) -> list[str]:
    """``count`` texts of no sense: keys, digits, marks, letters, emoji, and sentences of everything above."""
    rng = random.Random(seed)
    alphabets = [string.digits, string.ascii_lowercase, string.ascii_letters + string.digits, string.punctuation + " "]

    def made() -> str:
        size = rng.randint(1, 120)
        kind = rng.randrange(8)
        if kind < len(alphabets):
            return "".join(rng.choices(alphabets[kind], k=size))
        if kind == 4:
            return base64.b64encode(rng.randbytes(size)).decode()
        if kind == 5:
            return str(uuid.UUID(int=rng.getrandbits(128)))
        if kind == 6:
            return "".join(chr(rng.choice((rng.randrange(0x1F300, 0x1F650), 0x200D, 0xFE0F))) for _ in range(size))
        return " ".join(rng.choices((*TECHNICAL, *LANGUAGES, *ENGLISH), k=3))

    return [made() for _ in range(count)]


def random_unicode(seed: int, count: int) -> list[str]:
    """``count`` texts of characters from all of Unicode."""
    rng = random.Random(seed)
    ranges = ((0x20, 0x3000), (0x3000, 0xD800), (0xE000, 0x20000))
    return ["".join(chr(rng.randrange(*rng.choice(ranges))) for _ in range(rng.randint(1, 60))) for _ in range(count)]
