//! The company during the time of the lake: the frame and the staff. Leads and deals need no more than this.

use crate::catalogue::TERRITORIES;
use crate::dice::Dice;
use crate::rates;
use crate::reps::{Rep, staff};
use crate::request::Frame;

/// How often a rep is drawn before the list is searched.
const DRAWS: u32 = 24;
/// Reps who left before there was a table of reps.
const FORMER: [&str; 3] = ["R901", "R902", "R903"];

/// Frame and staff.
#[derive(Debug)]
pub(crate) struct Company {
    /// Range, scale and seed.
    pub(crate) frame: Frame,
    /// Everyone who ever worked in sales.
    pub(crate) reps: Vec<Rep>,
}

impl Company {
    /// The company of a request.
    pub(crate) fn found(frame: Frame) -> Self {
        Self { frame, reps: staff(&frame) }
    }

    /// A territory, by its share of the business.
    pub(crate) fn territory(dice: &mut Dice) -> usize {
        let shares = [0, 1, 2, 3].map(|place: usize| (place, TERRITORIES[place].share));
        dice.weighted(&shares)
    }

    /// A rep who works for the territory at that instant.
    pub(crate) fn owner(&self, territory: usize, instant: i64, dice: &mut Dice) -> usize {
        for _ in 0..DRAWS {
            let rep = dice.index(self.reps.len());
            if self.reps[rep].serves(territory, instant) {
                return rep;
            }
        }
        self.reps.iter().position(|rep| rep.serves(territory, instant)).unwrap_or(0)
    }

    /// The rep as the system recorded it: sometimes not at all, sometimes one whom nobody knows.
    pub(crate) fn recorded(&self, owner: usize, dice: &mut Dice) -> Option<String> {
        if dice.happens(rates::MISSING_REP) {
            return None;
        }
        if dice.happens(rates::UNKNOWN_REP) {
            return Some(dice.pick(&FORMER).to_owned());
        }
        self.reps.get(owner).map(|rep| rep.id.clone())
    }
}

/// The currency as the system recorded it: sometimes not at all, and then the amount is in euros.
pub(crate) fn recorded_price(territory: usize, cents: i64, dice: &mut Dice) -> (i64, Option<&'static str>) {
    if dice.happens(rates::MISSING_CURRENCY) {
        return (cents, None);
    }
    let currency = &TERRITORIES[territory].currency;
    (currency.price(cents), Some(currency.code))
}
