//! Text for the screen: times, ids and answers that fit, and lines that are broken between words.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use operator::listen::Post;
use operator::watch::EntityState;
use upvest::EntityKey;

use super::super::model::Posting;
use crate::output::harmless_line;
use crate::times::age_at;

/// Says how many columns a time of day takes, like `12:34:56`.
pub(super) const TIME: usize = 8;
/// Says how many columns a time of day takes to the millisecond, like `12:34:56.789`.
pub(super) const TIME_TO_MS: usize = 12;
/// Says how much of an id is shown where there is no room for it: enough for commands to find it by.
const BEGINNING: usize = 8;

/// Writes the status; until the event is in it, only that the event waits for that.
pub(crate) fn state_text(state: &EntityState) -> &str {
    match state.processed {
        true => state.status.as_deref().unwrap_or("no status"),
        false => "waiting",
    }
}

/// Writes what became of what was posted, as fully as it fits.
pub(super) fn posting_text(posting: &Posting, width: usize) -> String {
    let texts = match posting {
        Posting::Begun => vec!["posting ...".to_owned()],
        Posting::Missing => vec!["✗ not in the log".to_owned(), "✗ not logged".to_owned()],
        Posting::Nothing => vec!["nothing to post".to_owned(), "not posted".to_owned()],
        Posting::Answered(post) => answers(post),
    };
    let fitting = texts.iter().find(|text| text.chars().count() <= width);
    fitting.or(texts.last()).cloned().unwrap_or_default()
}

/// Writes what a program answered, at length and in ever fewer words.
fn answers(post: &Post) -> Vec<String> {
    let mark = if post.is_taken() { "✓" } else { "✗" };
    let took = took(post.took_ms);
    let error = post.error.unwrap_or_default();
    let (whole, shorter) = match post.status {
        // The time says more than the word before it.
        Some(status) => (format!("{mark} {status}"), format!("{mark} {status} {took}")),
        None => (format!("{mark} {error}"), format!("{mark} {error}")),
    };
    let mut texts = vec![format!("{whole} in {took}"), shorter];
    if post.attempts != 1 {
        texts.insert(0, format!("{whole} in {took}, {} attempts", post.attempts));
    }
    if post.status.is_none() {
        texts.push(format!("{mark} no answer"));
    }
    texts
}

fn took(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..10_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        _ => format!("{} s", ms / 1_000),
    }
}

/// Writes a number with what it counts.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Writes the time of day at the operator's place; of another day, the day.
pub(super) fn clock_text(at: Timestamp, now: Timestamp, zone: &TimeZone, width: usize) -> String {
    let (there, today) = (at.to_zoned(zone.clone()), now.to_zoned(zone.clone()));
    let format = match (there.date() == today.date(), width >= TIME_TO_MS) {
        (true, true) => "%H:%M:%S%.3f",
        (true, false) => "%H:%M:%S",
        (false, true) => "%m-%d %H:%M",
        (false, false) => "%d %b",
    };
    let text = there.strftime(format).to_string();
    format!("{text:<width$}")
}

/// Writes a time with all that there is to know about it: day, zone, and how long ago it was.
pub(super) fn whole_time(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let there = at.to_zoned(zone.clone());
    let text = there.strftime("%Y-%m-%d %H:%M:%S%.3f %:z").to_string();
    match at > now {
        true => text,
        false => format!("{text}, {} ago", age_at(now, at)),
    }
}

/// Writes the key of an entity as far as it fits: the beginning of its id is enough for the commands.
pub(super) fn entity_text(entity: &str, width: usize) -> String {
    let entity = harmless_line(entity);
    let key = EntityKey::from_stored(entity.clone());
    let short = (!key.id().is_empty()).then(|| {
        let id: String = key.id().chars().take(BEGINNING).collect();
        [format!("{}#{id}…", key.entity_type()), format!("{id}…")]
    });
    let mut texts = std::iter::once(entity.clone()).chain(short.into_iter().flatten());
    let fitting = texts.find(|text| text.chars().count() <= width);
    fit(&fitting.unwrap_or(entity), width)
}

/// Cuts or fills text to exactly this width; what is too long loses its middle, because ids differ at their ends.
pub(super) fn fit(text: &str, width: usize) -> String {
    let text = harmless_line(text);
    let length = text.chars().count();
    if length <= width {
        return format!("{text:<width$}");
    }
    let kept = width.saturating_sub(1);
    let head: String = text.chars().take(kept.div_ceil(2)).collect();
    let tail: String = text.chars().skip(length - kept / 2).collect();
    match width {
        0 => String::new(),
        _ => format!("{head}…{tail}"),
    }
}

/// Shortens text to the words that fit.
pub(super) fn cut(text: &str, width: usize) -> String {
    let text = harmless_line(text);
    if text.chars().count() <= width {
        return text;
    }
    let mut kept = String::new();
    for word in text.split(' ') {
        if kept.chars().count() + word.chars().count() + 2 > width {
            break;
        }
        kept.push_str(word);
        kept.push(' ');
    }
    match kept.is_empty() {
        true => fit(&text, width),
        false => format!("{}…", kept.trim_end()),
    }
}

/// Breaks a line between words, and begins the rest below where its value begins; a word is broken only where no line can hold it.
pub(super) fn broken(line: &str, width: usize) -> Vec<String> {
    if line.chars().count() <= width || width == 0 {
        return vec![line.to_owned()];
    }
    // A third at most: what stands behind a long name would have no room left.
    let indent = " ".repeat(hanging(line).min(width / 3));
    let (mut lines, mut current) = (Vec::new(), String::new());
    for word in line.split_inclusive(' ') {
        let used = current.chars().count();
        if !current.trim().is_empty() && used + word.trim_end().chars().count() > width {
            lines.push(std::mem::replace(&mut current, indent.clone()));
        }
        for character in word.chars() {
            if current.chars().count() == width {
                lines.push(std::mem::replace(&mut current, indent.clone()));
            }
            let is_begun = lines.is_empty() || !current.trim().is_empty();
            // The space that a line was broken at is not the beginning of the next.
            if character != ' ' || is_begun {
                current.push(character);
            }
        }
    }
    if !current.trim().is_empty() {
        lines.push(current);
    }
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

/// Finds the column where the value of a line begins: behind its name, if that is set apart by more than one space.
fn hanging(line: &str) -> usize {
    let text = line.trim_start();
    let before = line.chars().count() - text.chars().count();
    match text.split_once("  ") {
        Some((name, rest)) => {
            let gap = rest.chars().take_while(|character| *character == ' ').count();
            before + name.chars().count() + 2 + gap
        }
        None => before + 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: Option<u16>, took_ms: u64, attempts: u32) -> Posting {
        Posting::Answered(Post {
            status,
            error: status.is_none().then_some("nothing listens there"),
            attempts,
            took_ms,
        })
    }

    #[test]
    fn an_answer_is_told_in_the_words_that_fit() {
        let taken = answered(Some(200), 12, 1);
        assert_eq!(posting_text(&taken, 28), "✓ 200 in 12 ms");
        assert_eq!(posting_text(&taken, 12), "✓ 200 12 ms");
        let slow = answered(Some(503), 1_290, 3);
        assert_eq!(posting_text(&slow, 28), "✗ 503 in 1.2 s, 3 attempts");
        assert_eq!(posting_text(&slow, 12), "✗ 503 1.2 s");
        let down = answered(None, 3, 1);
        assert_eq!(posting_text(&down, 40), "✗ nothing listens there in 3 ms");
        assert_eq!(posting_text(&down, 28), "✗ nothing listens there");
        assert_eq!(posting_text(&down, 12), "✗ no answer");
    }

    #[test]
    fn an_entity_is_whole_or_shown_by_what_commands_find_it_by() {
        let order = "ORDER#9fc8c651-1a1d-47c4-b0c2-1f724601ecf4";
        assert_eq!(entity_text(order, 44), format!("{order}  "));
        assert_eq!(entity_text(order, 16), "ORDER#9fc8c651… ");
        assert_eq!(entity_text(order, 10), "9fc8c651… ");
        assert_eq!(entity_text("no entity", 12), "no entity   ");
        assert_eq!(entity_text("no entity", 4), "no…y");
    }

    #[test]
    fn a_line_is_broken_between_words_and_hangs_below_its_value() {
        assert_eq!(
            broken("✓ archived    one two three four", 24),
            ["✓ archived    one two", "        three four"]
        );
        assert_eq!(broken("short", 10), ["short"]);
        assert_eq!(broken("abcdefghijkl", 5), ["abcde", " fghi", " jkl"]);
        for width in 1..60 {
            let lines = broken("  name   a-word-of-thirty-letters-and-more and others", width);
            assert!(
                lines.iter().all(|line| line.chars().count() <= width),
                "{lines:?}"
            );
        }
    }

    #[test]
    fn times_are_those_of_the_operators_clock() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let now: Timestamp = "2026-01-05T09:30:30Z".parse().unwrap();
        let at = now - std::time::Duration::from_millis(1_500);
        assert_eq!(clock_text(at, now, &zone, TIME), "11:30:28");
        assert_eq!(clock_text(at, now, &zone, TIME_TO_MS), "11:30:28.500");
        let yesterday = now - std::time::Duration::from_secs(86_400);
        assert_eq!(clock_text(yesterday, now, &zone, TIME), "04 Jan  ");
        assert_eq!(clock_text(yesterday, now, &zone, TIME_TO_MS), "01-04 11:30 ");
        assert_eq!(
            whole_time(at, now, &zone),
            "2026-01-05 11:30:28.500 +02:00, 1s ago"
        );
    }

    #[test]
    fn a_sentence_is_cut_behind_a_word() {
        assert_eq!(cut("the object is no envelope", 15), "the object is…");
        assert_eq!(cut("fits", 4), "fits");
        assert_eq!(cut("bad-signature", 6), "bad…re");
    }
}
