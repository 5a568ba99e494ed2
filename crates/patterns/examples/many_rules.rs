//! How many events a second one core matches against a thousand patterns: `cargo run --release --example many_rules -p pilvi-patterns`.

use pilvi_patterns::{Pattern, PatternIndex};
use serde_json::{Value, json};

const RULES: usize = 1000;
const EVENTS: usize = 50_000;

fn main() {
    let mut index = PatternIndex::default();
    let mut patterns = Vec::new();
    for number in 0..RULES {
        // Sources and types are shared; half of the rules differ in an id, half in a number.
        let detail = if number % 2 == 0 {
            json!({"customer": [format!("c-{number}")]})
        } else {
            json!({"price": [{"numeric": [">", number]}], "region": [format!("r-{}", number % 50)]})
        };
        let pattern = json!({"source": ["shop"], "detail-type": ["sold"], "detail": detail}).to_string();
        match Pattern::parse(&pattern) {
            Ok(pattern) => {
                index.insert(number, pattern.clone());
                patterns.push(pattern);
            }
            Err(problem) => eprintln!("{problem}"),
        }
    }
    let event = |number: usize| {
        json!({
            "version": "0", "id": number.to_string(), "detail-type": "sold", "source": "shop", "resources": [],
            "detail": {"customer": format!("c-{}", number % RULES), "price": number % 7, "region": format!("r-{}", number % 50)}
        })
    };
    let events: Vec<Value> = (0..EVENTS).map(event).collect();
    report("index", EVENTS, || events.iter().map(|event| index.matches(event).len()).sum());
    let few = events.get(..EVENTS / 50).unwrap_or_default();
    report("one by one", few.len(), || {
        few.iter().map(|event| patterns.iter().filter(|pattern| pattern.matches(event)).count()).sum()
    });
}

fn report(name: &str, events: usize, work: impl FnOnce() -> usize) {
    #[allow(clippy::disallowed_methods, reason = "a measurement is about real time")]
    let start = std::time::Instant::now();
    let matches = work();
    let seconds = start.elapsed().as_secs_f64();
    #[allow(clippy::cast_precision_loss, reason = "far below")]
    let rate = events as f64 / seconds;
    println!("{name}: {rate:.0} events/s against {RULES} patterns, {matches} matches");
}
