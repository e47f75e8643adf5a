//! Invented names of people and companies, by territory.

use crate::dice::Dice;

const GIVEN: [&[&str]; 4] = [
    &["Lena", "Oskar", "Ines", "Paul", "Nora", "Jonas", "Mira", "Till", "Greta", "Emre"],
    &["민준", "지은", "현우", "다은", "서준", "아름", "하린", "도윤", "유나", "태호"],
    &["Maya", "Tom", "Ruth", "Eli", "Sam", "Dana", "Owen", "Leah", "Cole", "Iris"],
    &["Gwen", "Alfie", "Nia", "Rory", "Beth", "Callum", "Orla", "Finn", "Tess", "Hugh"],
];
const FAMILY: [&[&str]; 4] = [
    &["Vossberg", "Lindhagen", "Rothmund", "Adlerkamp", "Frankenau", "Kernig", "Mossdorf", "Wolfram"],
    &["김", "이", "최", "정", "한", "윤", "강", "조"],
    &["Bakerfield", "Ortizan", "Kellworth", "Doyleston", "Stonebury", "Marchetti", "Pell", "Quade"],
    &["Prycewell", "Harrowgate", "Tolley", "Ashdown", "Brackwater", "Fenn", "Lockyer", "Mallory"],
];
const STEM: [&[&str]; 4] = [
    &["Nordwerk", "Tannhof", "Silberau", "Kranich", "Lindquell", "Moorfeld", "Steinbruck", "Ostlicht"],
    &["한빛", "누리", "별하", "가온", "새솔", "미르", "다온", "해든"],
    &["Bluefjord", "Silverpine", "Greylock", "Octavia", "Harborline", "Redmaple", "Tidewell", "Northgate"],
    &["Albany Row", "Copperfield", "Marlstone", "Oakhurst", "Fernleigh", "Whitlow", "Kestrelby", "Dunmore"],
];
const TRADE: [&[&str]; 4] = [
    &["Maschinenbau", "Logistik", "Software", "Energie", "Handel", "Medizintechnik"],
    &["테크", "물류", "소프트", "에너지", "유통", "메디컬"],
    &["Robotics", "Freight", "Analytics", "Power", "Outfitters", "Health"],
    &["Engineering", "Haulage", "Systems", "Energy", "Stores", "Care"],
];
const FORM: [&[&str]; 4] = [&["GmbH", "AG", "GmbH & Co. KG"], &["주식회사", "(주)"], &["Inc.", "LLC"], &["Ltd", "plc"]];

/// Name of a person; names occur more than once.
pub(crate) fn person(territory: usize, dice: &mut Dice) -> String {
    let place = territory.min(GIVEN.len() - 1);
    let (given, family) = (dice.pick(GIVEN[place]), dice.pick(FAMILY[place]));
    if place == 1 { format!("{family}{given}") } else { format!("{given} {family}") }
}

/// Name of a company; names occur more than once.
pub(crate) fn company(territory: usize, dice: &mut Dice) -> String {
    let place = territory.min(STEM.len() - 1);
    let (stem, trade, form) = (dice.pick(STEM[place]), dice.pick(TRADE[place]), dice.pick(FORM[place]));
    if place == 1 { format!("{form} {stem}{trade}") } else { format!("{stem} {trade} {form}") }
}
