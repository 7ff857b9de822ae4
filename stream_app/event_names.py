"""Which event name counts as what, as configured."""

from state import BadMeasures, MeasureMap
from stream_app.errors import Misconfigured
from stream_app.settings import Settings


def load_measures(settings: Settings) -> MeasureMap:
    """Read the measures file that the settings name, by default the one that comes with the program.

    Raises:
        Misconfigured: File and reason.

    Examples:
        >>> load_measures(Settings()).topic_of("track", "Order Completed")
        'purchases'
    """
    file = settings.events.measures_file
    try:
        return MeasureMap.parse(file.read_text(encoding="utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise Misconfigured(f"{file}: cannot be read ({reason}); correct [events] measures") from None
    except BadMeasures as error:
        raise Misconfigured(str(error)) from None
