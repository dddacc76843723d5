//! Small changes of known inputs, for the test that runs without libFuzzer.

use fastrand::Rng;

/// Bounds the changes that are made to one input.
const MOST_CHANGES: usize = 4;

/// Returns an input that is like one of `seeds`, changed in a few places. `words` are put in here and there.
///
/// # Panics
///
/// When there are no seeds or no words.
#[must_use]
pub fn mutated(rng: &mut Rng, seeds: &[Vec<u8>], words: &[Vec<u8>]) -> Vec<u8> {
    let mut data = choice(rng, seeds).to_vec();
    for _ in 0..rng.usize(1..=MOST_CHANGES) {
        change(rng, &mut data, seeds, words);
    }
    data
}

fn change(rng: &mut Rng, data: &mut Vec<u8>, seeds: &[Vec<u8>], words: &[Vec<u8>]) {
    let from = rng.usize(0..=data.len());
    let to = (from + rng.usize(0..16)).min(data.len());
    match rng.u8(0..7) {
        0 if from < data.len() => data[from] ^= 1 << rng.u8(0..8),
        1 if from < data.len() => data[from] = rng.u8(..),
        2 => drop(data.drain(from..to)),
        3 => data.truncate(from),
        4 => {
            let piece = data[from..to].to_vec();
            let at = rng.usize(0..=data.len());
            data.splice(at..at, piece);
        }
        5 => {
            let other = choice(rng, seeds);
            let piece = &other[rng.usize(0..=other.len())..];
            data.splice(from..to, piece[..piece.len().min(64)].iter().copied());
        }
        _ => drop(data.splice(from..to, choice(rng, words).iter().copied())),
    }
}

fn choice<'a>(rng: &mut Rng, of: &'a [Vec<u8>]) -> &'a [u8] {
    &of[rng.usize(..of.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_inputs_and_most_are_new() {
        let (seeds, words) = ([b"one: 1\n\nbody".to_vec()], [b"word".to_vec()]);
        let made = |seed| {
            let mut rng = Rng::with_seed(seed);
            (0..100)
                .map(|_| mutated(&mut rng, &seeds, &words))
                .collect::<Vec<_>>()
        };
        assert_eq!(made(1), made(1));
        assert_ne!(made(1), made(2));
        assert!(made(1).iter().filter(|input| **input != seeds[0]).count() > 80);
    }
}
