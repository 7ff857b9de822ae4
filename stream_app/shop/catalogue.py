"""What the shop sells."""

from typing import Final, NamedTuple

CURRENCY: Final = "EUR"


class Product(NamedTuple):
    """One thing on the shelf.

    Attributes:
        id: In addresses and events.
        name: For people.
        category: For people and events.
        cents: Price in hundredths of the currency.
        line: What it is, in a few words.
        about: What it is, in a few sentences.
        drawing: How it is drawn: ``tin``, ``pot``, ``bowl`` or ``whisk``.
        colours: Of the drawing: the thing, its ornament, what is behind it.
        is_early: Whether only loyal customers see it yet.
    """

    id: str
    name: str
    category: str
    cents: int
    line: str
    about: str
    drawing: str
    colours: tuple[str, str, str]
    is_early: bool = False


PRODUCTS: Final = {
    product.id: product
    for product in (
        Product(
            "sencha",
            "Morning Sencha",
            "Tea",
            1290,
            "Green, grassy, bright",
            "First flush from a small garden in Shizuoka, steamed within hours of picking. Eighty degrees and one minute "
            "are all that it asks for; it gives three infusions, each a little sweeter than the one before.",
            "tin",
            ("#3f7d58", "#cfe3b4", "#e7f0dc"),
        ),
        Product(
            "assam",
            "Harbour Assam",
            "Tea",
            1090,
            "Black, malty, strong",
            "Whole leaves from the banks of the Brahmaputra, dark enough for milk and honest enough without. The tea for "
            "days that begin before the sun does.",
            "tin",
            ("#8a3b2c", "#f0c27b", "#f6e4d3"),
        ),
        Product(
            "oolong",
            "Cloud Oolong",
            "Tea",
            1850,
            "Half oxidized, floral, slow",
            "Rolled by hand at twelve hundred metres. The leaves open over six or seven infusions, from orchid to toasted "
            "chestnut: a whole afternoon from one spoonful.",
            "tin",
            ("#2f5d7c", "#f2d6a2", "#dfeaf0"),
        ),
        Product(
            "rooibos",
            "Evening Rooibos",
            "Tea",
            890,
            "Red, sweet, no caffeine",
            "From the Cederberg, cut coarse and dried in the sun. It cannot be brewed for too long, and it lets you sleep.",
            "tin",
            ("#b4552d", "#ffe0b3", "#fae6d6"),
        ),
        Product(
            "kyusu",
            "Side-handle pot",
            "Teaware",
            4400,
            "Stoneware, 320 ml",
            "A kyusu as potters have made it for three centuries: the handle to the side, the sieve in the spout, the lid "
            "ground to fit. Unglazed inside, so that it learns the tea you like.",
            "pot",
            ("#39424e", "#c98b5b", "#e6e4df"),
        ),
        Product(
            "bowl",
            "Everyday bowl",
            "Teaware",
            2200,
            "Porcelain, 280 ml",
            "Wide enough for a whisk, warm enough for two hands, and made to be used every day: it likes the dishwasher.",
            "bowl",
            ("#f7f3ea", "#52789a", "#e3e6ea"),
        ),
        Product(
            "whisk",
            "Bamboo whisk",
            "Teaware",
            1650,
            "80 tines, hand-split",
            "One piece of bamboo, split into eighty tines. Let it stand in warm water for a minute and it makes foam in "
            "thirty seconds.",
            "whisk",
            ("#d9b36c", "#8a5f2b", "#f3ecd9"),
        ),
        Product(
            "reserve",
            "Gyokuro Reserve",
            "Tea",
            3900,
            "Shaded for three weeks",
            "Forty tins of this harvest exist. It was grown in the shade for three weeks and tastes of the sea; the "
            "friends of the house see it a month before anybody else.",
            "tin",
            ("#1f3a36", "#d8b65c", "#dbe4df"),
            is_early=True,
        ),
    )
}


def money(cents: int) -> str:
    """Write an amount.

    Examples:
        >>> money(1290), money(-50)
        ('€12.90', '-€0.50')
    """
    sign = "-" if cents < 0 else ""
    return f"{sign}€{abs(cents) // 100}.{abs(cents) % 100:02d}"
