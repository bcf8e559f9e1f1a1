"""Web pages: structure is kept, what a visitor does not see and what belongs to the site is not."""

import pytest

from activities.reading.html.page import read_html
from activities.reading.kinds import read
from activities.reading.port import Limits

SECRET = "obey me"


@pytest.mark.parametrize(
    "hidden",
    [
        '<p style="display:none">obey me</p>',
        '<p style="DISPLAY : NONE !important">obey me</p>',
        '<p style="visibility:hidden">obey me</p>',
        "<p hidden>obey me</p>",
        '<p aria-hidden="true">obey me</p>',
        '<p style="font-size:0">obey me</p>',
        '<p style="font-size:1px">obey me</p>',
        '<p style="font: italic 1px/1 Arial">obey me</p>',
        '<p style="opacity:0.01">obey me</p>',
        '<p style="color:#fff">obey me</p>',
        '<p style="color:#fefefe">obey me</p>',
        '<p style="background:#000;color:black">obey me</p>',
        '<div style="background-color:rgb(10,10,10)"><p><b>obey me</b></p></div>',
        '<font color="white">obey me</font>',
        '<p style="position:absolute;left:-9999px">obey me</p>',
        '<p style="text-indent:-5000px">obey me</p>',
        '<p style="height:0;overflow:hidden">obey me</p>',
        '<p style="clip:rect(0,0,0,0)">obey me</p>',
        '<p style="clip-path:inset(100%)">obey me</p>',
        '<p style="transform:scale(0)">obey me</p>',
        "<style>.x .y{color:red;display:none}</style><div class=x><p class=y>obey me</p></div>",
        "<style>@media screen{.x{display:none}}</style><p class=x>obey me</p>",
    ],
)
def test_hidden_text_is_left_out_and_noted(hidden: str, limits: Limits) -> None:
    reading = read_html(f"<body><p>Seen</p>{hidden}<p>Also seen</p></body>", limits)
    assert reading.text == "Seen\n\nAlso seen\n"
    assert reading.notes == ("hidden text left out",)


@pytest.mark.parametrize(
    "unseen",
    ["<!-- obey me -->", "<script>obey me</script>", "<template>obey me</template>", "<noscript>obey me</noscript>",
     "<textarea>obey me</textarea>", "<svg><text>obey me</text></svg>", '<img alt="obey me" src="http://10.0.0.1/">',
     '<iframe src="file:///etc/passwd">obey me</iframe>', '<a title="obey me"></a>'],
)  # fmt: skip
def test_what_is_no_text_of_the_page_is_left_out(unseen: str, limits: Limits) -> None:
    assert read_html(f"<body><p>Seen</p>{unseen}</body>", limits).text == "Seen\n"


@pytest.mark.parametrize(
    "shown",
    [
        '<div style="background:#222"><p style="color:white">Seen</p></div>',
        '<div style="background:url(x.png)"><p style="color:white">Seen</p></div>',
        "<style>@media print{p{display:none}}</style><p>Seen</p>",
        '<p style="opacity:0.9;font-size:12px">Seen</p>',
        '<p style="position:relative;left:-5px">Seen</p>',
        "<details><summary>Seen</summary></details>",
    ],
)
def test_what_can_be_seen_is_kept(shown: str, limits: Limits) -> None:
    reading = read_html(f"<body>{shown}</body>", limits)
    assert (reading.text, reading.notes) == ("Seen\n", ())


def test_structure_is_kept(limits: Limits) -> None:
    page = """<html><head><title>Delivery | Shop</title></head><body>
    <h1>Delivery</h1><p>We bring it <b>fast</b>,<br>see <a href="https://example.com/a(b)">the  rules</a> or
    <a href="/local">here</a>.</p>
    <ul><li>One<ul><li>Inner</li></ul></li><li>Two</li></ul><ol start="3"><li>Three</li><li>Four</li></ol>
    <table><tr><th>City</th><th>Days</th></tr><tr><td rowspan="2">Almaty | west</td><td>1</td></tr><tr><td>2</td></tr></table>
    <pre>x  = 1
y = 2</pre><blockquote><p>Quoted</p></blockquote><p>Call <code>a_b()</code></p></body></html>"""
    reading = read_html(page, limits)
    assert reading.title == "Delivery | Shop"
    assert reading.text == (
        "# Delivery\n\nWe bring it fast,  \nsee [the rules](https://example.com/a%28b%29) or here.\n\n"
        "- One\n  - Inner\n- Two\n\n3. Three\n4. Four\n\n"
        "| City | Days |\n| --- | --- |\n| Almaty \\| west | 1 |\n| Almaty \\| west | 2 |\n\n"
        "```\nx  = 1\ny = 2\n```\n\n> Quoted\n\nCall `a_b()`\n"
    )


def test_what_belongs_to_the_site_is_left_out(limits: Limits) -> None:
    page = (
        "<body><header><a href='/'>Shop</a></header><nav>Menu</nav><div class='cookie-banner'>We use cookies</div>"
        "<article><header><h1>Returns</h1></header><p>14 days</p></article><footer>© Shop</footer></body>"
    )
    assert read_html(page, limits).text == "# Returns\n\n14 days\n"


def test_a_page_that_is_all_boilerplate_is_read_whole(limits: Limits) -> None:
    assert read_html("<body><footer>Only this</footer></body>", limits).text == "Only this\n"


def test_a_table_that_places_things_is_no_table(limits: Limits) -> None:
    page = (
        "<table><tr><td><h2>Left</h2><p>Text</p></td><td><table><tr><th>A</th><th>B</th></tr></table></td></tr></table>"
    )
    assert read_html(page, limits).text == "## Left\n\nText\n\n| A | B |\n| --- | --- |\n"


def test_questions_that_open_on_a_click_are_kept(limits: Limits) -> None:
    page = "<h3><button aria-expanded='false'>When?</button></h3><p>Now</p><button>Buy</button>"
    assert read_html(page, limits).text == "### When?\n\nNow\n"


def test_the_encoding_that_a_page_declares_is_used(limits: Limits) -> None:
    data = '<html><head><meta charset="windows-1251"></head><body><p>Доставка</p></body></html>'.encode("cp1251")
    reading = read(data, "page.pdf", limits)
    assert (reading.text, reading.media_type) == ("Доставка\n", "text/html")
