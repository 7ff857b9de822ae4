"""Which models topic do these settings mean, with which key, and what is predicted?"""

from stream_app.kafka_clients import client_options
from stream_app.model_key import model_key
from stream_app.model_topic import ModelTopic
from stream_app.scoring import Track, load_lifecycles
from stream_app.settings import Settings


def model_topic(settings: Settings) -> ModelTopic:
    """Return the models topic of these settings, with the key and what is predicted.

    Raises:
        Misconfigured: If a lifecycle file or the key cannot be used.
        Unavailable: If the key file can be neither read nor made.
    """
    key = settings.models.key
    tasks = [Track(lifecycle).task for lifecycle in load_lifecycles(settings.lifecycles)]
    return ModelTopic(
        client=client_options(settings),
        prefix=settings.topic_prefix,
        key=model_key(None if key is None else key.get_secret_value(), settings.data_dir),
        tasks={task.lifecycle: task for task in tasks},
    )
