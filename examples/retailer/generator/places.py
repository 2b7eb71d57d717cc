"""Cities, their postcode and dialling areas, streets and stores of the three countries. Data only.

A UK postcode is `<prefix><district> <digit><2 letters>`; the number pair of a city is its range of districts.
In Germany and the USA the pair is the range of the postcode itself. Dialling codes are without the leading
zero.
"""

from typing import NamedTuple


class City(NamedTuple):
    """A city: `weight` is its share of the country's customers, `local` the local number of `local_digits`
    digits.
    """

    country: str
    city: str
    region: str
    weight: float
    prefix: str
    low: int
    high: int
    dialling: str
    local_low: int
    local_high: int
    timezone: str


# city|region|weight|postcode prefix|from|to|dialling code|local numbers from|to
_UK = """
London|Greater London|20|E|1|18|20|70000000|79999999
Manchester|Greater Manchester|7|M|1|35|161|2000000|9999999
Birmingham|West Midlands|7|B|1|48|121|2000000|7999999
Leeds|West Yorkshire|5|LS|1|29|113|2000000|3999999
Glasgow|Scotland|5|G|1|53|141|2000000|9499999
Sheffield|South Yorkshire|4|S|1|36|114|2000000|3999999
Liverpool|Merseyside|4|L|1|38|151|2000000|9499999
Edinburgh|Scotland|4|EH|1|17|131|2000000|6999999
Bristol|Bristol|4|BS|1|16|117|2000000|3999999
Cardiff|Wales|3|CF|3|24|29|20000000|20999999
Leicester|Leicestershire|3|LE|1|19|116|2000000|3999999
Nottingham|Nottinghamshire|3|NG|1|17|115|7000000|9999999
Newcastle upon Tyne|Tyne and Wear|3|NE|1|28|191|2000000|6999999
Brighton|East Sussex|2|BN|1|27|1273|200000|999999
Cambridge|Cambridgeshire|2|CB|1|25|1223|200000|999999
Oxford|Oxfordshire|2|OX|1|18|1865|200000|999999
York|North Yorkshire|2|YO|1|32|1904|200000|999999
Norwich|Norfolk|2|NR|1|35|1603|200000|999999
Exeter|Devon|2|EX|1|24|1392|200000|999999
Bath|Somerset|2|BA|1|16|1225|200000|999999
Belfast|Northern Ireland|3|BT|1|17|28|90200000|90999999
Aberdeen|Scotland|2|AB|10|25|1224|200000|999999
"""
_DE = """
Berlin|Berlin|14||10115|14199|30|20000000|89999999
Hamburg|Hamburg|8||20095|22769|40|20000000|89999999
München|Bayern|8||80331|81929|89|20000000|89999999
Köln|Nordrhein-Westfalen|6||50667|51149|221|2000000|9899999
Frankfurt am Main|Hessen|5||60306|60599|69|20000000|89999999
Stuttgart|Baden-Württemberg|4||70173|70629|711|2000000|9899999
Düsseldorf|Nordrhein-Westfalen|4||40210|40629|211|2000000|9899999
Leipzig|Sachsen|4||04103|04357|341|2000000|9899999
Dortmund|Nordrhein-Westfalen|4||44135|44388|231|2000000|9899999
Essen|Nordrhein-Westfalen|4||45127|45359|201|2000000|9899999
Bremen|Bremen|3||28195|28779|421|2000000|9899999
Dresden|Sachsen|3||01067|01328|351|2000000|9899999
Hannover|Niedersachsen|3||30159|30669|511|2000000|9899999
Nürnberg|Bayern|3||90402|90491|911|2000000|9899999
Bonn|Nordrhein-Westfalen|2||53111|53229|228|2000000|9899999
Münster|Nordrhein-Westfalen|2||48143|48167|251|2000000|9899999
Karlsruhe|Baden-Württemberg|2||76131|76229|721|2000000|9899999
Freiburg im Breisgau|Baden-Württemberg|2||79098|79117|761|2000000|9899999
Würzburg|Bayern|1||97070|97084|931|2000000|9899999
Lübeck|Schleswig-Holstein|1||23552|23570|451|2000000|9899999
Göttingen|Niedersachsen|1||37073|37085|551|2000000|9899999
Gießen|Hessen|1||35390|35398|641|2000000|9899999
"""
_US = """
New York|NY|16||10001|10282|212|2000000|9899999
Los Angeles|CA|12||90001|90089|213|2000000|9899999
Chicago|IL|9||60601|60661|312|2000000|9899999
Houston|TX|7||77002|77099|713|2000000|9899999
Phoenix|AZ|5||85003|85086|602|2000000|9899999
Philadelphia|PA|5||19102|19154|215|2000000|9899999
San Antonio|TX|4||78201|78266|210|2000000|9899999
San Diego|CA|4||92101|92139|619|2000000|9899999
Dallas|TX|5||75201|75254|214|2000000|9899999
San Jose|CA|3||95110|95139|408|2000000|9899999
Austin|TX|3||78701|78759|512|2000000|9899999
Columbus|OH|3||43201|43235|614|2000000|9899999
Seattle|WA|4||98101|98199|206|2000000|9899999
Denver|CO|4||80202|80249|303|2000000|9899999
Boston|MA|4||02108|02136|617|2000000|9899999
Nashville|TN|3||37201|37221|615|2000000|9899999
Portland|OR|3||97201|97239|503|2000000|9899999
Atlanta|GA|4||30303|30363|404|2000000|9899999
Miami|FL|4||33125|33196|305|2000000|9899999
Minneapolis|MN|3||55401|55455|612|2000000|9899999
"""

_PACIFIC, _MOUNTAIN, _CENTRAL = ("CA", "WA", "OR"), ("AZ", "CO"), ("IL", "TX", "TN", "MN")


def _timezone(country: str, region: str) -> str:
    if country != "US":
        return {"GB": "Europe/London", "DE": "Europe/Berlin"}[country]
    if region == "AZ":
        return "America/Phoenix"
    if region in _PACIFIC:
        return "America/Los_Angeles"
    if region in _MOUNTAIN:
        return "America/Denver"
    return "America/Chicago" if region in _CENTRAL else "America/New_York"


def _cities(country: str, text: str) -> list[City]:
    cities = []
    for row in text.strip().splitlines():
        city, region, weight, prefix, low, high, dialling, local_low, local_high = row.split("|")
        area = (prefix, int(low), int(high), dialling, int(local_low), int(local_high))
        cities.append(City(country, city, region, float(weight), *area, _timezone(country, region)))
    return cities


CITIES: list[City] = _cities("GB", _UK) + _cities("DE", _DE) + _cities("US", _US)

STREET_NAMES: dict[str, str] = {
    "GB": """High Church Station Park Victoria Green Manor Kings Queens Mill School Grange York Windsor
        Albert Chester
    Oxford Springfield George London Northfield Highfield Alexandra Stanley Broad Orchard Cedar Beech Elm
        Holly Ash Oak
    Meadow Hill Brook Abbey Castle Priory Cromwell Nelson Wellington Clarence Richmond Salisbury Lincoln
        Durham Carlton
    Hawthorn Willow Maple Primrose Rosemary Marlborough Cambridge Bedford Devonshire Russell
        Gladstone""",
    "DE": """Haupt Schul Garten Bahnhof Dorf Berg Linden Birken Wald Wiesen Kirch Mühlen Rosen Feld Eichen
        Bach Buchen
    Ahorn Goethe Schiller Mozart Beethoven Bismarck Kaiser Luther Friedrich Wilhelm Ring Markt Brunnen Post
        Sonnen
    Tannen Kastanien Ulmen Amsel Drossel Finken Lerchen Nelken Tulpen Veilchen Weinberg Schloss Burg Ufer
        Hafen König
    Ludwig Jahn Uhland Lessing Heine Schubert Brahms Röntgen Daimler Siemens""",
    "US": """Main Oak Pine Maple Cedar Elm Washington Lake Hill Park Walnut Spring North Ridge Church Willow
        Mill Sunset
    Railroad Jefferson Center Jackson River Chestnut Highland Madison Lincoln Franklin Forest Meadow Cherry
        Adams
    Hickory Dogwood Broad College Spruce Valley Monroe Magnolia Sycamore Prospect Poplar Laurel Union Market
        Grove
    Harrison Cleveland Aspen Birch Canyon Mesa Mission Pacific Palmetto Peachtree Colonial Liberty""",
}
STREET_TYPES: dict[str, list[str]] = {
    "GB": [
        "Road",
        "Road",
        "Street",
        "Street",
        "Lane",
        "Avenue",
        "Close",
        "Drive",
        "Gardens",
        "Crescent",
        "Way",
    ],
    "DE": ["straße", "straße", "straße", "straße", "weg", "weg", "gasse", "allee", "platz"],
    "US": ["Street", "Street", "Avenue", "Avenue", "Drive", "Road", "Lane", "Boulevard", "Court", "Way"],
}
STREETS: dict[str, list[str]] = {
    country: sorted(
        {name + ("" if country == "DE" else " ") + kind for name in names.split() for kind in STREET_TYPES[country]}
    )
    for country, names in STREET_NAMES.items()
}
