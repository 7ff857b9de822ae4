"""What a visitor of each stage is told, shown and offered: the whole point of knowing the stage.

The stages are those of the preset ``shop`` (``config/lifecycles/shop.toml``).
"""

from typing import Final, Literal, NamedTuple

Shelf = Literal["best", "seen", "cart", "care", "early", "missed"]


class Perk(NamedTuple):
    """What the cart gives by itself.

    Attributes:
        name: For the cart.
        percent: Taken off every price.
        free_delivery: Whether delivery costs nothing.
    """

    name: str
    percent: int = 0
    free_delivery: bool = False


class Welcome(NamedTuple):
    """The greeting of one stage.

    Attributes:
        stage: Stage of the lifecycle.
        label: The stage in words.
        greeting: Above the title; ``{name}`` is ", NAME" of somebody who is logged in.
        title: The headline.
        text: Below it.
        action: What the button says.
        target: Where it leads.
        shelf: Which products come first.
        shelf_title: Headline of that shelf.
        perk: What the cart gives.
    """

    stage: str
    label: str
    greeting: str
    title: str
    text: str
    action: str
    target: str
    shelf: Shelf
    shelf_title: str
    perk: Perk | None = None


WELCOMES: Final = {
    welcome.stage: welcome
    for welcome in (
        Welcome(
            "first-visit",
            "First visit",
            "Welcome{name}",
            "Tea from people whose names we know",
            "Eight gardens, three potters, one small shop. Leave your e-mail address and the first parcel brings a sample "
            "of all four teas.",
            "Get the welcome samples",
            "#newsletter",
            "best",
            "Where most people begin",
        ),
        Welcome(
            "browsing",
            "Browsing",
            "Good to see you again{name}",
            "Still looking for the right leaf?",
            "What you looked at is right here. Not sure? Bright and grassy: Sencha. Strong with milk: Assam. A whole "
            "afternoon: Oolong.",
            "Compare the teas",
            "#shelf",
            "seen",
            "What you looked at",
        ),
        Welcome(
            "cart",
            "Cart filled",
            "Good choice{name}",
            "Your cart is packed and waiting",
            "Ordered by three, on its way today. Send it back within thirty days if it is not your cup of tea.",
            "Go to the checkout",
            "/checkout",
            "cart",
            "In your cart",
        ),
        Welcome(
            "cart-left",
            "Cart left behind",
            "You left something behind{name}",
            "We kept your cart, and delivery is on us",
            "Everything is still there. Finish the order now and we pay for the parcel.",
            "Pick up where you left off",
            "/cart",
            "cart",
            "Still in your cart, and what goes with it",
            Perk("Free delivery, because you came back", free_delivery=True),
        ),
        Welcome(
            "new-customer",
            "New customer",
            "Thank you for your order{name}",
            "Now, how to make the first cup",
            "Fresh water, not boiling: eighty degrees for green, ninety-five for black. One spoon, one minute, taste. "
            "Your next order comes with 5% off.",
            "What goes with it",
            "#shelf",
            "care",
            "Goes well with your first order",
            Perk("Next order: 5% off", percent=5),
        ),
        Welcome(
            "loyal",
            "Loyal customer",
            "Welcome home{name}",
            "The friends' shelf is open",
            "You see the Gyokuro Reserve a month before everybody else, pay 10% less, and nothing for delivery.",
            "See the reserve",
            "/products/reserve",
            "early",
            "For friends of the house first",
            Perk("Friends of the house: 10% off and free delivery", percent=10, free_delivery=True),
        ),
        Welcome(
            "lapsed",
            "Lapsed",
            "It has been a while{name}",
            "We have missed you: 15% off everything",
            "The gardens have had a good year since. Come back with 15% off and free delivery; and if something went wrong, "
            "tell us.",
            "See what is new",
            "#shelf",
            "missed",
            "New since you were here",
            Perk("Welcome back: 15% off and free delivery", percent=15, free_delivery=True),
        ),
    )
}
FIRST: Final = "first-visit"


def welcome_of(stage: str) -> Welcome:
    """The greeting of a stage; that of a first visit where the stage is not of this lifecycle.

    Examples:
        >>> welcome_of("loyal").perk.percent, welcome_of("awareness").stage
        (10, 'first-visit')
    """
    return WELCOMES.get(stage, WELCOMES[FIRST])
