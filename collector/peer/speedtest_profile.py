"""What a run of speedtest-cli is told to do, as named profiles, and the pages by which it is told. Pure.

speedtest-cli (sivel, 2.1.3) asks for a configuration and a list of servers, and does what they say: how long, with how
many flows, how often each of its ten images, which sizes of posts. It asks for images by side length and never looks
at how many bytes come, so a profile may serve shorter ones. It ends a direction after `test_s` seconds or after the
last image or post, whichever comes first: the sums here are what it can move at most.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Final

from shared.strictjson import JsonObject

# The side lengths the client asks for, and how many bytes the pictures of that name usually have.
USUAL_IMAGE_BYTES: Final = {
    350: 245_388,
    500: 505_544,
    750: 1_118_012,
    1000: 1_986_284,
    1500: 4_468_241,
    2000: 7_907_740,
    2500: 12_407_926,
    3000: 17_816_816,
    3500: 24_262_167,
    4000: 31_625_365,
}
# The sizes of posts, of which `ratio` leaves out the first ones.
POST_BYTES: Final = (32_768, 65_536, 131_072, 262_144, 524_288, 1_048_576, 7_340_032)
LATENCY_PAGE: Final = "test=test\n"
MINI_PAGE: Final = '<html><body>Speedtest Mini<script>config = {uploadExtension: "php"};</script></body></html>\n'


@dataclass(frozen=True, slots=True)
class Profile:
    """One set of the client's parameters, in its own terms."""

    name: str
    test_s: int
    threadcount: int  # the client runs twice as many flows down
    threadsperurl: int  # how often each image is asked for
    threads: int  # flows up; the client makes it 8 once it saw more than 100 kbit/s down
    ratio: int
    maxchunkcount: int
    image_bytes: Mapping[int, int]

    @property
    def post_sizes(self) -> tuple[int, ...]:
        """The sizes of all posts of a run: the client rounds the number of each size up."""
        sizes = POST_BYTES[self.ratio - 1 :]
        return sizes * -(-self.maxchunkcount // len(sizes))

    @property
    def images(self) -> int:
        """How many images are asked for at most."""
        return len(self.image_bytes) * self.threadsperurl

    @property
    def down_bytes(self) -> int:
        """The images of a run, all together."""
        return sum(self.image_bytes.values()) * self.threadsperurl

    @property
    def up_bytes(self) -> int:
        """The posts of a run, all together."""
        return sum(self.post_sizes)

    def offer(self) -> JsonObject:
        """What whoever opens a run with this profile is told of it."""
        return {
            "down_bytes": self.down_bytes,
            "plan": self.name,
            "test_us": self.test_s * 1_000_000,
            "up_bytes": self.up_bytes,
        }


# Ours: what three seconds move at 26 Mbit/s; equal images, so that no flow is left with the largest.
METERED: Final = Profile(
    name="metered",
    test_s=3,
    threadcount=2,
    threadsperurl=1,
    threads=2,
    ratio=4,
    maxchunkcount=4,
    image_bytes=dict.fromkeys(USUAL_IMAGE_BYTES, 1_000_000),
)
# What speedtest.net tells its clients.
FULL: Final = Profile(
    name="full",
    test_s=10,
    threadcount=4,
    threadsperurl=4,
    threads=2,
    ratio=5,
    maxchunkcount=50,
    image_bytes=USUAL_IMAGE_BYTES,
)
PROFILES: Final = {profile.name: profile for profile in (METERED, FULL)}


def config_page(profile: Profile, client_ip: str) -> str:
    """The configuration; the places on earth mean nothing, the client only wants numbers there."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<settings><client ip="{escape(client_ip)}" lat="0" lon="0" isp="-"/>'
        f'<server-config threadcount="{profile.threadcount}" ignoreids=""/>'
        f'<download testlength="{profile.test_s}" threadsperurl="{profile.threadsperurl}"/>'
        f'<upload testlength="{profile.test_s}" ratio="{profile.ratio}" threads="{profile.threads}"'
        f' maxchunkcount="{profile.maxchunkcount}"/></settings>\n'
    )


def servers_page(folder_url: str) -> str:
    """The list of servers: this one."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<settings><servers>'
        f'<server url="{escape(folder_url)}/upload.php" lat="0" lon="0" name="peer" country="-" cc="--"'
        ' sponsor="measurement peer" id="1"/></servers></settings>\n'
    )
