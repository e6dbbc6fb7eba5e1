"""The gallery shows real faults as the reports tell them."""

import pytest
from PIL import Image

from tests.browser.gallery import HEIGHT, PAGE, PICTURES, SHOWN, WIDTH, write_page

pytestmark = pytest.mark.browser


def test_the_page_says_what_a_diff_says(broken):
    results = {kind: result for kind, (_, result) in broken.items()}
    assert write_page(results) == PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", SHOWN)
def test_a_picture_is_one_screen_and_not_blank(kind):
    with Image.open(PICTURES / f"{kind}.png") as picture:
        assert picture.size == (WIDTH, HEIGHT)
        assert len(picture.convert("RGB").getcolors(1 << 20)) > 10


def test_no_picture_is_left_over():
    assert {path.stem for path in PICTURES.iterdir()} == set(SHOWN)
