//! What the company is made of: currencies, territories, teams and products. All names are invented.

use chrono_tz::Tz;

/// Money of a territory, at fixed list rates; the daily rates are in `fx_rates`.
#[derive(Debug)]
pub(crate) struct Currency {
    /// Three letters.
    pub(crate) code: &'static str,
    /// List price of a hundred euros.
    per_hundred: i64,
    /// Prices are multiples of this many hundredths.
    step: i64,
}

impl Currency {
    /// The price here of something that is `cents` in euros, in hundredths of this currency.
    pub(crate) fn price(&self, cents: i64) -> i64 {
        cents * self.per_hundred / 100 / self.step * self.step
    }
}

/// Where the company sells.
#[derive(Debug)]
pub(crate) struct Territory {
    /// As in every table.
    pub(crate) name: &'static str,
    /// Where its people live.
    pub(crate) zone: Tz,
    /// What its customers pay in.
    pub(crate) currency: Currency,
    /// Cities of its customers.
    pub(crate) cities: &'static [&'static str],
    /// Stores that the company runs.
    pub(crate) stores: &'static [&'static str],
    /// Share of the business in thousandths.
    pub(crate) share: u32,
}

/// A team of reps.
#[derive(Debug)]
pub(crate) struct Team {
    /// As in every table.
    pub(crate) name: &'static str,
    /// Who leads it.
    pub(crate) manager: &'static str,
    /// Index of its territory.
    pub(crate) territory: usize,
    /// Share of the business in thousandths.
    pub(crate) share: u64,
}

/// Something to sell: by the month, by the piece, or both.
#[derive(Debug)]
pub(crate) struct Product {
    /// As in every table.
    pub(crate) id: &'static str,
    /// On the price list.
    pub(crate) name: &'static str,
    /// Products that replace each other.
    pub(crate) family: &'static str,
    /// Rank in the family; accessories have none.
    pub(crate) tier: Option<i32>,
    /// List price of a month in cents of euros; 0 if it is not a subscription.
    pub(crate) month: i64,
    /// List price of a piece in cents of euros; 0 if it is not sold by the piece.
    pub(crate) piece: i64,
    /// How often it is on an order line.
    pub(crate) orders: u32,
}

/// The territories.
pub(crate) static TERRITORIES: [Territory; 4] = [
    Territory {
        name: "DACH",
        zone: chrono_tz::Europe::Berlin,
        currency: Currency { code: "EUR", per_hundred: 100, step: 1 },
        cities: &["Berlin", "München", "Hamburg", "Leipzig", "Wien", "Zürich"],
        stores: &["Berlin Mitte", "Berlin Kreuzberg"],
        share: 400,
    },
    Territory {
        name: "Korea",
        zone: chrono_tz::Asia::Seoul,
        currency: Currency { code: "KRW", per_hundred: 147_000, step: 10_000 },
        cities: &["서울", "부산", "성남 판교", "대전", "광주"],
        stores: &["서울 강남점", "서울 성수점", "부산 해운대점"],
        share: 250,
    },
    Territory {
        name: "US East",
        zone: chrono_tz::America::New_York,
        currency: Currency { code: "USD", per_hundred: 108, step: 1 },
        cities: &["Boston", "Cambridge", "New York", "Philadelphia", "Providence"],
        stores: &["Boston Seaport"],
        share: 250,
    },
    Territory {
        name: "UK & Ireland",
        zone: chrono_tz::Europe::London,
        currency: Currency { code: "GBP", per_hundred: 86, step: 1 },
        cities: &["London", "Bristol", "Leeds", "Dublin"],
        stores: &["London Bermondsey"],
        share: 100,
    },
];

/// The teams.
pub(crate) static TEAMS: [Team; 5] = [
    Team { name: "Spree", manager: "Anke Sommerlath", territory: 0, share: 240 },
    Team { name: "Havel", manager: "Jannis Falkenau", territory: 0, share: 160 },
    Team { name: "한강", manager: "박서연", territory: 1, share: 250 },
    Team { name: "Charles River", manager: "Carol Whitmarsh", territory: 2, share: 250 },
    Team { name: "Thames", manager: "Priya Nairn", territory: 3, share: 100 },
];

/// The products: first every family that is subscribed to, each from its lowest tier up, then goods.
pub(crate) static PRODUCTS: [Product; 11] = [
    service("P01", "Strandline Start", "strandline", 1, 19_000),
    service("P02", "Strandline Team", "strandline", 2, 59_000),
    service("P03", "Strandline Enterprise", "strandline", 3, 210_000),
    service("P04", "Lumora Basic", "lumora", 1, 12_000),
    service("P05", "Lumora Premium", "lumora", 2, 48_000),
    service("P06", "한옥 케어", "hanok_care", 1, 6_000),
    service("P07", "한옥 케어 플러스", "hanok_care", 2, 15_000),
    goods("P11", "Pebble Sensor", Some(1), 8_900, 400),
    goods("P12", "Pebble Sensor Pro", Some(2), 18_900, 220),
    goods("P13", "Pebble Gateway", Some(3), 44_900, 140),
    goods("P14", "Pebble Mounting Kit", None, 1_900, 240),
];

/// The first product of every family that is subscribed to, and how many tiers it has.
pub(crate) const FAMILIES: [(usize, usize); 3] = [(0, 3), (3, 2), (5, 2)];

/// The family of a subscribed product, as an index into [`FAMILIES`].
pub(crate) fn family_of(product: usize) -> usize {
    FAMILIES.iter().position(|&(first, tiers)| product < first + tiers).unwrap_or(0)
}

const fn service(id: &'static str, name: &'static str, family: &'static str, tier: i32, month: i64) -> Product {
    Product { id, name, family, tier: Some(tier), month, piece: 0, orders: 0 }
}

const fn goods(id: &'static str, name: &'static str, tier: Option<i32>, piece: i64, orders: u32) -> Product {
    Product { id, name, family: "pebble", tier, month: 0, piece, orders }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_those_of_the_products() {
        for (family, &(first, tiers)) in FAMILIES.iter().enumerate() {
            for (product, known) in PRODUCTS.iter().enumerate().skip(first).take(tiers) {
                assert_eq!(family_of(product), family);
                assert_eq!(known.family, PRODUCTS[first].family);
                assert_eq!(known.tier, i32::try_from(product - first + 1).ok());
            }
        }
    }

    #[test]
    fn shares_are_the_whole_business() {
        assert_eq!(TERRITORIES.iter().map(|territory| territory.share).sum::<u32>(), 1_000);
        assert_eq!(TEAMS.iter().map(|team| team.share).sum::<u64>(), 1_000);
    }

    #[test]
    fn prices_are_round_in_their_currency() {
        assert_eq!(TERRITORIES[1].currency.price(8_900), 13_083_000 / 10_000 * 10_000);
        assert_eq!(TERRITORIES[2].currency.price(8_900), 9_612);
    }
}
