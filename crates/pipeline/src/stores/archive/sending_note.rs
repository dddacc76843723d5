//! The note in something in quarantine that it was sent on its way again, so that it is not sent twice.

use jiff::{SignedDuration, Timestamp};

use super::{Archive, ArchivedDelivery, Condition, Quarantined, ReadError};

/// Says how long something that was sent counts as on its way. After that nobody can tell what became of it, and it may
/// be sent again.
const ON_ITS_WAY: SignedDuration = SignedDuration::from_hours(1);

impl ArchivedDelivery {
    /// Tells when it was sent again, if it may still be on its way `now`.
    #[must_use]
    pub fn on_its_way_since(&self, now: Timestamp) -> Option<Timestamp> {
        self.sent_at.filter(|at| now.duration_since(*at) < ON_ITS_WAY)
    }

    /// Writes it as an object again, whose body was read into the envelope.
    fn to_object(&self) -> Self {
        Self {
            out_of_time: self.out_of_time.clone(),
            reason: self.reason.clone(),
            events: self.events.clone(),
            sent_at: self.sent_at,
            ..Self::of(&self.envelope, self.key_id.as_deref())
        }
    }
}

impl Archive {
    /// Notes in something in quarantine that it is about to be sent again, and gives it. `None` when it is not to be
    /// sent: it is gone, or on its way since somebody else sent it.
    ///
    /// The note is there before the message is: what comes of the message may come at once.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when it is not known to be noted.
    pub async fn note_sending(
        &self,
        quarantined: &Quarantined,
        now: Timestamp,
    ) -> Result<Option<ArchivedDelivery>, ReadError> {
        let Some((found, tag)) = self.tagged(quarantined.key().to_owned()).await? else {
            return Ok(None);
        };
        if found.delivery.on_its_way_since(now).is_some() {
            return Ok(None);
        }
        let noted = ArchivedDelivery {
            sent_at: Some(now),
            ..found.delivery
        };
        let condition = Condition::Unchanged(tag);
        let is_written = self.put(&found.key, &noted.to_object(), condition).await?;
        // Not written means that somebody changed or removed it since it was read: they send it, or nobody is to.
        Ok(Some(noted).filter(|_| is_written))
    }

    /// Takes back the note that something was about to be sent at that time.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when it may still be there.
    pub async fn forget_sending(&self, quarantined: &Quarantined, at: Timestamp) -> Result<(), ReadError> {
        let found = self.tagged(quarantined.key().to_owned()).await?;
        // Only our own note is taken back: another time is the note of somebody who sent it since.
        if let Some((found, tag)) = found.filter(|(found, _)| found.delivery.sent_at == Some(at)) {
            let unsent = ArchivedDelivery {
                sent_at: None,
                ..found.delivery
            };
            let condition = Condition::Unchanged(tag);
            self.put(&found.key, &unsent.to_object(), condition).await?;
        }
        Ok(())
    }
}
