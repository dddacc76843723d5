//! The one source of chance of a simulated run.

/// Draws reproducible numbers (`SplitMix64`): the algorithm is written out here, so that a seed means the same run
/// whatever versions the dependencies have.
#[derive(Clone, Debug)]
pub struct Rng {
    state: u64,
}

impl Rng {
    /// Starts the sequence that belongs to `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Starts a sequence of its own for `purpose`, so that more draws for one purpose do not shift those of another.
    pub fn fork(&self, purpose: &str) -> Self {
        // FNV-1a, with its offset and its prime: written out for the same reason as the draws.
        let mut state = self.state ^ 0xcbf2_9ce4_8422_2325;
        for byte in purpose.bytes() {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Self { state }
    }

    /// Draws the next 64 bits, which the seed alone decides.
    pub fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Draws a number below `bound`; 0 if `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        // Scaled down and not the remainder, which would favour small numbers.
        let scaled = u128::from(self.draw()) * bound as u128;
        (scaled >> 64) as usize
    }

    /// Says yes in `per_mille` of 1000 cases.
    pub fn chance(&mut self, per_mille: u32) -> bool {
        self.below(1000) < per_mille as usize
    }

    /// Brings `items` into a random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Rng;

    #[test]
    fn a_seed_is_the_published_sequence() {
        // First outputs of SplitMix64 for seed 1234567 (Vigna, prng.di.unimi.it/splitmix64.c).
        let mut rng = Rng::new(1_234_567);
        assert_eq!(rng.draw(), 6_457_827_717_110_365_317);
        assert_eq!(rng.draw(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn forks_for_different_purposes_differ() {
        let rng = Rng::new(1);
        assert_ne!(rng.fork("faults").draw(), rng.fork("queues").draw());
    }
}
