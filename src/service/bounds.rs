//! What this process says about charges and about credit by hand, whatever a tenant's own settings say:
//! whether there are any, and up to how much at once.

use piperoll_domain::{
    money::Money,
    operation::{Mint, Operation, Wish},
    rejection::Rejection,
};

use crate::service::{Error, Service};

impl Service {
    /// Refuses while billing is switched off here: nothing is reserved, charged or released.
    pub fn must_bill(&self) -> Result<(), Error> {
        if self.settings().billing { Ok(()) } else { Err(Rejection::BillingOff.into()) }
    }

    /// Puts this process's bounds on a wish. Every caller's wishes come through here, so that no edge
    /// can forget them; what no caller asked for, such as the end of a reservation, does not.
    pub(super) fn bound(&self, operation: &mut Operation) -> Result<(), Error> {
        match operation {
            Operation::Spend(wish) => self.charge(&mut wish.ceiling)?,
            Operation::Reserve(wish) => self.charge(&mut wish.ceiling)?,
            Operation::Finalize(wish) => self.charge(&mut wish.ceiling)?,
            Operation::Release(_) => self.must_bill()?,
            Operation::Mint(wish) => self.give(wish),
            Operation::MintUnnamed(wish) => self.give(&mut wish.mint),
            Operation::Batch(batch) => {
                batch.items.iter_mut().try_for_each(|item| self.bound_item(&mut item.wish))?;
            }
            _ => {}
        }
        Ok(())
    }

    fn bound_item(&self, wish: &mut Wish) -> Result<(), Error> {
        match wish {
            Wish::Spend(wish) => self.charge(&mut wish.ceiling)?,
            Wish::Reserve(wish) => self.charge(&mut wish.ceiling)?,
            Wish::Finalize(wish) => self.charge(&mut wish.ceiling)?,
            Wish::Release(_) => self.must_bill()?,
            Wish::Mint(wish) => self.give(wish),
            Wish::OpenAccount(_) | Wish::Grant(_) => {}
        }
        Ok(())
    }

    /// Credit may come in while billing is off.
    fn give(&self, wish: &mut Mint) {
        wish.ceiling = self.settings().ceiling;
    }

    fn charge(&self, ceiling: &mut Option<Money>) -> Result<(), Error> {
        self.must_bill()?;
        *ceiling = self.settings().ceiling;
        Ok(())
    }
}
