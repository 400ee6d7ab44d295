//! Rules of telling without the record.
