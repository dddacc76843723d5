//! The ports of the loopback interface that a stack answers on: those that were asked for, or any that are free.

use std::net::{Ipv4Addr, TcpListener};

use crate::LocalStackError;

/// Says which ports a stack answers on. By default it takes any that are free.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ports {
    /// Gives the port that answers calls of AWS's API; `None` is any. `local-stack run` names it by `--aws-port`.
    pub aws: Option<u16>,
    /// Gives the port that takes deliveries; `None` is any. `local-stack run` names it by `--webhook-port`.
    pub webhook: Option<u16>,
}

impl Ports {
    /// Finds two ports that are free at this moment, for AWS's API and for deliveries. Both are held until both are known, so
    /// that they differ.
    ///
    /// # Errors
    ///
    /// [`LocalStackError::Port`] when one that was asked for is taken.
    pub(crate) fn find(self) -> Result<[u16; 2], LocalStackError> {
        let aws = hold(self.aws, "--aws-port")?;
        let webhook = hold(self.webhook, "--webhook-port")?;
        Ok([number(&aws)?, number(&webhook)?])
    }
}

fn hold(port: Option<u16>, option: &'static str) -> Result<TcpListener, LocalStackError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port.unwrap_or(0))).map_err(|source| match port {
        Some(port) => LocalStackError::Port { port, option, source },
        None => LocalStackError::NoPort(source),
    })
}

fn number(listener: &TcpListener) -> Result<u16, LocalStackError> {
    let address = listener.local_addr().map_err(LocalStackError::NoPort)?;
    Ok(address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_ports_differ() {
        let [aws, webhook] = Ports::default().find().unwrap();
        assert_ne!(aws, webhook);
    }

    #[test]
    fn a_port_that_was_asked_for_is_taken() {
        let [free, _] = Ports::default().find().unwrap();
        let asked = Ports {
            webhook: Some(free),
            ..Ports::default()
        };
        assert_eq!(asked.find().unwrap()[1], free);
    }

    #[test]
    fn a_port_that_somebody_has_is_refused_by_the_option_that_names_it() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = number(&taken).unwrap();
        let refused = |ports: Ports| ports.find().unwrap_err().to_string();
        let aws = refused(Ports {
            aws: Some(port),
            webhook: None,
        });
        assert!(
            aws.contains(&port.to_string()) && aws.contains("--aws-port"),
            "{aws}"
        );
        let webhook = refused(Ports {
            aws: None,
            webhook: Some(port),
        });
        assert!(webhook.contains("--webhook-port"), "{webhook}");
    }

    #[test]
    fn one_port_is_not_asked_for_twice() {
        let [free, _] = Ports::default().find().unwrap();
        let both = Ports {
            aws: Some(free),
            webhook: Some(free),
        };
        assert!(both.find().unwrap_err().to_string().contains("--webhook-port"));
    }
}
