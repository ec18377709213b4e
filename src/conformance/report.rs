//! What came of a comparison, for people and for programs.

use std::fmt;

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::Resolution;
use super::mappings::{Asked, MAPPINGS, Mapping};
use super::rulings::RULINGS;
use super::tally::{Counts, Disagreement, Section, Tally};

/// How many disagreements are shown to people; programs get them all.
const SHOWN: usize = 50;

/// How wide the table of rulings is, in letters.
const WIDTH: u16 = 110;

/// The outcome of a comparison.
#[derive(Debug, Serialize)]
pub struct Report {
    /// How many worlds were compared.
    pub worlds: usize,
    /// How many decisions, by policy and sort.
    pub decisions: Vec<Line>,
    /// All of them together.
    pub total: Counts,
    /// Every ruling and how many decisions met it.
    pub rulings: Vec<Met>,
    /// The rulings that no decision met.
    pub unmet: Vec<&'static str>,
    /// Rows of the worlds that rolegate does not let exist, which were not written.
    pub rows_left_out: u64,
    /// What differs without a ruling.
    pub disagreements: Vec<Disagreement>,
}

/// One sort of decisions.
#[derive(Debug, Serialize)]
pub struct Line {
    /// Where it was asked under a policy.
    pub resolution: Option<Resolution>,
    pub section: Section,
    #[serde(flatten)]
    pub counts: Counts,
}

/// A ruling, and how many decisions met it.
#[derive(Debug, Serialize)]
pub struct Met {
    pub name: &'static str,
    pub decisions: &'static str,
    pub why: &'static str,
    pub met: u64,
}

impl Report {
    pub(super) fn new(worlds: usize, tallies: Vec<Tally>) -> Self {
        let mut all = Tally::default();
        for tally in tallies {
            all.add(tally);
        }
        let mut total = Counts::default();
        all.counts.values().for_each(|counts| total += *counts);
        let counts = |ruling: usize| all.met.get(ruling).copied().unwrap_or_default();
        let rulings: Vec<Met> = RULINGS
            .iter()
            .enumerate()
            .map(|(line, ruling)| {
                let (name, decisions, why) = (ruling.name, ruling.decisions, ruling.why);
                Met { name, decisions, why, met: counts(line) }
            })
            .collect();
        let line = |((resolution, section), counts)| Line { resolution, section, counts };
        Self {
            worlds,
            total,
            unmet: rulings.iter().filter(|ruling| ruling.met == 0).map(|ruling| ruling.name).collect(),
            rulings,
            decisions: all.counts.into_iter().map(line).collect(),
            rows_left_out: all.rows_left_out,
            disagreements: all.disagreements,
        }
    }

    /// Whether nothing differs but what a ruling says.
    pub fn agrees(&self) -> bool {
        self.disagreements.is_empty()
    }

    fn counted(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_header(["policy", "decisions", "agree", "by a ruling", "differ", "left out", "not mapped"]);
        let policy = |resolution: Option<Resolution>| resolution.map_or("", Resolution::name);
        let mut row = |first: &str, second: &str, counts: &Counts| {
            let Counts { agreed, ruled, disagreed, left_out, not_mapped } = counts;
            let numbers = [agreed, ruled, disagreed, left_out, not_mapped].map(ToString::to_string);
            table.add_row([first, second].into_iter().map(ToOwned::to_owned).chain(numbers));
        };
        for line in &self.decisions {
            row(policy(line.resolution), line.section.name(), &line.counts);
        }
        row("", "all", &self.total);
        table
    }

    fn met(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
        table.set_header(["ruling", "met", "which decisions"]);
        for ruling in &self.rulings {
            table.add_row([ruling.name, &ruling.met.to_string(), &ruling.decisions.replace('`', "")]);
        }
        table
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{} worlds\n\n{}\n\n{}\n", self.worlds, self.counted(), self.met())?;
        writeln!(
            formatter,
            "Rows that rolegate does not let exist, and that were not written: {}.",
            self.rows_left_out
        )?;
        if !self.unmet.is_empty() {
            writeln!(formatter, "Rulings that no decision met: {}.", self.unmet.join(", "))?;
        }
        for one in self.disagreements.iter().take(SHOWN) {
            let Disagreement { world, user, object, action, expected, got, explanation, .. } = one;
            let policy = one.resolution.map(|resolution| format!(" {}", resolution.name())).unwrap_or_default();
            let who =
                [user.as_str(), object].into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>().join(", ");
            let section = one.section.name();
            writeln!(
                formatter,
                "{world}{policy} {section}: {who}: {action}: expected {expected}, got {got}; {explanation}"
            )?;
        }
        match self.disagreements.len() {
            0 => write!(formatter, "Nothing else differs."),
            many if many > SHOWN => write!(formatter, "{many} decisions differ; --json has them all."),
            many => write!(formatter, "{many} decisions differ."),
        }
    }
}

/// The tables of rulings and of mappings, in Markdown.
pub fn tables() -> String {
    let mut text = String::from("| ruling | which decisions | why |\n| --- | --- | --- |\n");
    for ruling in RULINGS {
        text += &format!("| {} | {} | {} |\n", ruling.name, ruling.decisions, ruling.why);
    }
    text += "\n| about | function | what rolegate is asked |\n| --- | --- | --- |\n";
    for Mapping { kind, function, asked } in MAPPINGS {
        let asked = match asked {
            Asked::AnyRole => "whether `Check` names a role".to_owned(),
            Asked::Project(action) => format!("`{action}` on the project"),
            Asked::Organization(action) => format!("`{action}` on the organization"),
            Asked::Account(action) => format!("`{action}` on the account"),
            Asked::AddMember => "`OrganizationService/AddMember`, `validate_only`".to_owned(),
            Asked::Nothing(why) => format!("not mapped: {why}"),
        };
        text += &format!("| {} | `{function}` | {asked} |\n", kind.name());
    }
    text
}
