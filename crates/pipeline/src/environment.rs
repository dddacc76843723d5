//! Says which environment a stack receives from, and whether it takes made-up events there.

use std::fmt;
use std::str::FromStr;

/// Says which of Upvest's environments a stack receives from: the parameter `Environment`, which is live unless it says
/// otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// The stack runs on somebody's machine, beside a simulated Upvest.
    Local,
    /// The stack receives from Upvest's sandbox, where no money moves.
    Sandbox,
    /// The stack receives what happens to real people and their money.
    Live,
}

impl Environment {
    /// Tells whether developers' keys may report events, which are made up. Nothing made up is to get among what is real.
    #[must_use]
    pub const fn takes_made_up_events(self) -> bool {
        !matches!(self, Self::Live)
    }

    /// Names the environment as the parameter does.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Sandbox => "sandbox",
            Self::Live => "live",
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Environment {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let all = [Self::Local, Self::Sandbox, Self::Live];
        let named = all.into_iter().find(|environment| environment.name() == name);
        named.ok_or("neither local nor sandbox nor live")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_where_no_money_moves_developers_may_make_events_up() {
        for (name, takes) in [("local", true), ("sandbox", true), ("live", false)] {
            let environment: Environment = name.parse().unwrap();
            assert_eq!(environment.takes_made_up_events(), takes, "{name}");
            assert_eq!(environment.to_string(), name);
        }
        assert!("Sandbox".parse::<Environment>().is_err());
    }
}
