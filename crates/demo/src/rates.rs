//! How often each ugly part of life occurs, in one place, per thousand of the things it happens to.

/// Thousandths.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PerMille(pub(crate) u32);

// References that are missing or broken.

/// Events without a rep.
pub(crate) const MISSING_REP: PerMille = PerMille(30);
/// Events of a rep whom the table of reps does not know.
pub(crate) const UNKNOWN_REP: PerMille = PerMille(10);
/// Order lines of online orders without a rep, which is how it should be.
pub(crate) const UNATTENDED_ORDER: PerMille = PerMille(700);
/// Orders and answers without a customer.
pub(crate) const ANONYMOUS: PerMille = PerMille(40);
/// Customers without a segment.
pub(crate) const MISSING_SEGMENT: PerMille = PerMille(60);
/// Customers without an industry.
pub(crate) const MISSING_INDUSTRY: PerMille = PerMille(80);
/// Customers without a territory.
pub(crate) const MISSING_TERRITORY: PerMille = PerMille(20);
/// Deals without a product.
pub(crate) const MISSING_PRODUCT: PerMille = PerMille(20);
/// Postings without a team.
pub(crate) const MISSING_TEAM: PerMille = PerMille(30);
/// Orders that are shipped, without a location.
pub(crate) const MISSING_LOCATION: PerMille = PerMille(80);

// Money.

/// Rows without a currency: they are in the reporting currency.
pub(crate) const MISSING_CURRENCY: PerMille = PerMille(20);
/// Deals without an amount.
pub(crate) const MISSING_AMOUNT: PerMille = PerMille(20);
/// Deals of amount zero.
pub(crate) const ZERO_AMOUNT: PerMille = PerMille(20);

// Orders.

/// Orders that are a return of one of the month before.
pub(crate) const RETURNED: PerMille = PerMille(40);
/// Returns of every line, not of the first only.
pub(crate) const RETURNED_WHOLE: PerMille = PerMille(300);

// Leads and activities.

/// Leads that nobody answers.
pub(crate) const NEVER_CONTACTED: PerMille = PerMille(120);
/// Leads imported after they were first talked to.
pub(crate) const IMPORTED: PerMille = PerMille(30);
/// Leads that a machine writes to first.
pub(crate) const AUTOMATED_REPLY: PerMille = PerMille(350);
/// Leads that call before they are called.
pub(crate) const INBOUND_CALL: PerMille = PerMille(80);
/// Later touches that come from the lead.
pub(crate) const INBOUND_TOUCH: PerMille = PerMille(150);
/// Emails of later touches that are automated.
pub(crate) const AUTOMATED_EMAIL: PerMille = PerMille(200);
/// Touches that do not say whether a machine made them.
pub(crate) const UNKNOWN_AUTOMATION: PerMille = PerMille(40);
/// Touches that do not say whether they reached anyone.
pub(crate) const UNKNOWN_REACH: PerMille = PerMille(50);
/// Leads with a history of temperatures; the others have at most the column.
pub(crate) const TEMPERATURE_HISTORY: PerMille = PerMille(600);
/// Histories that begin after the lead was created.
pub(crate) const LATE_TEMPERATURE: PerMille = PerMille(200);
/// Events between 22:00 and 02:00 UTC, where the local day is often another.
pub(crate) const NIGHT: PerMille = PerMille(50);
/// Instants with a fraction of a second.
pub(crate) const FRACTIONAL_SECOND: PerMille = PerMille(100);

// Deals.

/// Lost deals that are open again.
pub(crate) const REOPENED: PerMille = PerMille(60);
/// Closed deals whose closing lies before their creation.
pub(crate) const CLOSED_BEFORE_CREATED: PerMille = PerMille(10);
/// Stages entered at the very instant of the stage before.
pub(crate) const STAGE_TIE: PerMille = PerMille(60);

// Subscriptions, per month of service.

/// Ends for good.
pub(crate) const CHURN: PerMille = PerMille(14);
/// Ends for good, where the deal was closed in haste.
pub(crate) const HASTY_CHURN: PerMille = PerMille(32);
/// Gaps of at most thirty days.
pub(crate) const SHORT_GAP: PerMille = PerMille(7);
/// Gaps of more than thirty days.
pub(crate) const LONG_GAP: PerMille = PerMille(6);
/// In-place moves to the next tier, where there is one.
pub(crate) const UPGRADE: PerMille = PerMille(14);
/// In-place moves to the tier below, where there is one.
pub(crate) const DOWNGRADE: PerMille = PerMille(4);
/// The same product at another price.
pub(crate) const PRICE_CHANGE: PerMille = PerMille(14);
/// The same product at the same price, as a new subscription that touches the old.
pub(crate) const RENEWED: PerMille = PerMille(14);
/// Attempts to sell more that fail.
pub(crate) const FAILED_UPSELL: PerMille = PerMille(35);

/// Services that run at the end of the lake and whose end is announced, besides those that churn.
pub(crate) const NOTICE: PerMille = PerMille(20);

// Subscriptions, per customer and family.

/// Customers who take a second family later.
pub(crate) const CROSS_SELL: PerMille = PerMille(240);
/// Customers who take a second family with the first.
pub(crate) const BUNDLE: PerMille = PerMille(60);
/// Anniversaries that are worked as a deal.
pub(crate) const RENEWAL_DEAL: PerMille = PerMille(100);
/// Upgrades and cross-sells that are worked as a deal; the others are self-service.
pub(crate) const WORKED: PerMille = PerMille(600);
/// Customers who only buy goods.
pub(crate) const GOODS_ONLY: PerMille = PerMille(150);
