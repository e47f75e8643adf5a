//! One contact between the company and a lead or customer, before it is tied to either.

use crate::dice::Dice;
use crate::rates;

/// A contact.
#[derive(Debug)]
pub(crate) struct Touch {
    /// When.
    pub(crate) at: i64,
    /// call, email, meeting or message.
    pub(crate) kind: &'static str,
    /// outbound or inbound.
    pub(crate) direction: &'static str,
    /// Whether a machine did it.
    pub(crate) automated: Option<bool>,
    /// Whether someone answered.
    pub(crate) reached: Option<bool>,
    /// Of a written message.
    pub(crate) elements: Option<i32>,
    /// Of a conversation.
    pub(crate) seconds: Option<i32>,
}

/// What people do, and how often.
const KINDS: [(&str, u32); 4] = [("call", 40), ("email", 38), ("message", 12), ("meeting", 10)];

impl Touch {
    /// The mail that a machine sends when a form is filled.
    pub(crate) fn reply_of_machine(at: i64) -> Self {
        Self { at, kind: "email", direction: "outbound", automated: Some(true), reached: None, elements: Some(0), seconds: None }
    }

    /// The lead calls.
    pub(crate) fn call_from_outside(at: i64, dice: &mut Dice) -> Self {
        Self { at, kind: "call", direction: "inbound", automated: Some(false), reached: Some(true), elements: None, seconds: Some(dice.days(40, 1_500)) }
    }

    /// A human answers the lead for the first time.
    pub(crate) fn answer(at: i64, dice: &mut Dice) -> Self {
        let automated = if dice.happens(rates::UNKNOWN_AUTOMATION) { None } else { Some(false) };
        Self { direction: "outbound", automated, ..Self::any(at, dice) }
    }

    /// Anything that happens later.
    pub(crate) fn any(at: i64, dice: &mut Dice) -> Self {
        let kind = dice.weighted(&KINDS);
        let spoken = matches!(kind, "call" | "meeting");
        let inbound = dice.happens(rates::INBOUND_TOUCH);
        let automated = kind == "email" && !inbound && dice.happens(rates::AUTOMATED_EMAIL);
        let reached = dice.below(100) < if spoken { 45 } else { 30 };
        let length = if kind == "meeting" { dice.days(900, 5_400) } else { dice.days(15, 1_800) };
        let elements = dice.days(0, 5);
        Self {
            at,
            kind,
            direction: if inbound { "inbound" } else { "outbound" },
            automated: if dice.happens(rates::UNKNOWN_AUTOMATION) { None } else { Some(automated) },
            reached: if dice.happens(rates::UNKNOWN_REACH) { None } else { Some(inbound || reached) },
            elements: (!spoken).then_some(if automated { 0 } else { elements }),
            seconds: spoken.then_some(if reached || inbound { length } else { length.min(60) }),
        }
    }
}
