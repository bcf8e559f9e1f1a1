"""From the settings to the media store."""

from runtime.home import Home
from runtime.media.folder import FolderStore
from runtime.media.links import Links
from runtime.media.port import MediaStore
from runtime.media.s3 import S3Store
from runtime.media.sigv4 import Signer
from runtime.settings import Settings


def media_store(settings: Settings, links: Links) -> MediaStore:
    """The bucket that is set; without one, a folder of the data directory."""
    if settings.media_bucket_url is None:
        return FolderStore(Home.at(settings.data_dir).media, links)
    assert settings.media_bucket, "settings require it"
    assert settings.media_bucket_key, "settings require it"
    assert settings.media_bucket_secret, "settings require it"
    signer = Signer(
        settings.media_bucket_key, settings.media_bucket_secret.get_secret_value(), settings.media_bucket_region
    )
    return S3Store(settings.media_bucket_url, settings.media_bucket, signer, links)
