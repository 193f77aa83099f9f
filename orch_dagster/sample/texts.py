"""The texts of the sample: products, names in many scripts, addresses and remarks."""

from __future__ import annotations

from typing import NamedTuple


class Product(NamedTuple):
    """An insurance product; only a term product has an expiry date."""

    code: str
    name: str
    is_term: bool
    rate_per_mille: int


class Culture(NamedTuple):
    """The names and streets of one country; `name_order` joins given and family names."""

    country_code: str
    name_order: str
    given: tuple[str, ...]
    family: tuple[str, ...]
    streets: tuple[str, ...]
    towns: tuple[str, ...]


PRODUCTS = (
    Product("TL10", "Term Life, 10 years", True, 4),
    Product("TL20", "Term Life, 20 years", True, 6),
    Product("WL01", "Whole Life", False, 19),
    Product("EN15", "Endowment, with profits", True, 52),
    Product("CI01", 'Critical Illness "Plus"', False, 11),
    Product("PA01", "Personal Accident", True, 2),
)

CURRENCIES = ("SGD", "SGD", "SGD", "SGD", "USD", "USD", "EUR", "MYR", "JPY")

STATUSES = ("IN_FORCE",) * 9 + ("GRACE", "LAPSED", "PAID_UP")

REMARKS = (
    "Premium by standing order, monthly",
    'Holder asked for "paper only" letters',
    "Beneficiaries:\n1. spouse, 60 %\n2. children, 40 %",
    "Called twice, no answer\r\nWrite instead",
    'Endorsement 3: "loading" of 25 %, see file',
    "Converted from an older plan; agent's note: check date of birth",
    "特別条件あり, 要確認",
    "Согласовано, см. приложение № 2",
    "VIP 🛡 no calls",
)

CULTURES = (
    Culture(
        "GB",
        "{given} {family}",
        ("Amelia", "Jennifer", "Siobhán", 'Robert "Bob"', "Zoë", "George"),
        ("Smith", "O'Neill", "Null", "Jones, Jr.", "Fitzgerald-Brontë"),
        ("High Street", "Mill Lane", "St. Mary's Road", 'The "Old" Forge'),
        ("York", "Bath", "Stow-on-the-Wold"),
    ),
    Culture(
        "DE",
        "{given} {family}",
        ("Jürgen", "Käthe", "Sören", "Ute"),
        ("Müller", "Groß", "Weiß", "von Ähren"),
        ("Hauptstraße", "Am Mühlgraben", "Schloßallee"),
        ("Köln", "München", "Görlitz"),
    ),
    Culture(
        "PL",
        "{given} {family}",
        ("Łukasz", "Małgorzata", "Paweł"),
        ("Wójcik", "Dąbrowska", "Żak"),
        ("ul. Święty Marcin", "ul. Długa"),
        ("Łódź", "Gdańsk"),
    ),
    Culture(
        "UA",
        "{family} {given}",
        ("Олена", "Тарас", "Юлія"),
        ("Шевченко", "Коваль", "Їжакевич"),
        ("вул. Хрещатик", "просп. Свободи"),
        ("Київ", "Львів"),
    ),
    Culture(
        "GR",
        "{given} {family}",
        ("Ελένη", "Γιώργος"),
        ("Παπαδόπουλος", "Αθανασίου"),
        ("Οδός Ερμού", "Λεωφ. Αμαλίας"),
        ("Αθήνα", "Πάτρα"),
    ),
    Culture(
        "IL",
        "{given} {family}",
        ("נועה", "איתן"),
        ("כהן", "לוי"),
        ("רחוב הרצל", "שדרות רוטשילד"),
        ("חיפה", "תל אביב"),
    ),
    Culture(
        "AE",
        "{given} {family}",
        ("فاطمة", "محمد"),
        ("الهاشمي", "بن زايد"),
        ("شارع الشيخ زايد", "شارع الكورنيش"),
        ("دبي", "العين"),
    ),
    Culture(
        "IN",
        "{given} {family}",
        ("अनुष्का", "रवि"),
        ("शर्मा", "कृष्णमूर्ति"),
        ("महात्मा गांधी मार्ग", "नेहरू रोड"),
        ("दिल्ली", "पुणे"),
    ),
    Culture(
        "TH",
        "{given} {family}",
        ("สมชาย", "น้ำฝน"),
        ("ศรีสุข", "ทองดี"),
        ("ถนนสุขุมวิท", "ถนนสีลม"),
        ("กรุงเทพฯ", "เชียงใหม่"),
    ),
    Culture(
        "SG",
        "{family}{given}",
        ("小明", "美玲", "𠀋"),
        ("陈", "林", "𬱖"),
        ("乌节路", "牛车水街"),
        ("新加坡", "淡滨尼"),
    ),
    Culture(
        "JP",
        "{family} {given}",
        ("さくら", "健太", "ひろし"),
        ("𠮷野", "𠮷田", "髙橋", "佐藤"),
        ("銀座四丁目", "𩸽通り"),
        ("東京都", "大阪市"),
    ),
    Culture(
        "KR",
        "{family}{given}",
        ("민준", "서연"),
        ("김", "남궁"),
        ("테헤란로", "세종대로"),
        ("서울", "부산"),
    ),
)
