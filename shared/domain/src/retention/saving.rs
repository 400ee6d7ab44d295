//! What it saves to keep rows in cold storage, in US dollars a month.
//!
//! Prices are those of us-east-1 in November 2026, for one GB (2^30 bytes) in one month, without what requests and retrievals
//! cost. A database's disk does not shrink by itself: what is saved is what it need not grow by.

/// General purpose storage (gp3) of RDS for PostgreSQL in one availability zone; with a standby it is twice that.
/// <https://aws.amazon.com/rds/postgresql/pricing/>
pub const HOT_PER_GB_MONTH: f64 = 0.115;

/// What a storage class of S3 costs. <https://aws.amazon.com/s3/pricing/>
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ColdPrice {
    /// US dollars for a GB in a month.
    pub per_gb_month: f64,
    /// Bytes that an object is billed for beside or at least.
    pub least_bytes: u64,
}

/// S3 Glacier Instant Retrieval: an object is billed as 128 KB at least.
pub const GLACIER_INSTANT: ColdPrice = ColdPrice { per_gb_month: 0.004, least_bytes: 128 << 10 };
/// S3 Glacier Flexible Retrieval: 40 KB are billed beside each object.
pub const GLACIER_FLEXIBLE: ColdPrice = ColdPrice { per_gb_month: 0.0036, least_bytes: 40 << 10 };

const GB: f64 = (1_u64 << 30) as f64;

/// What is saved in a month when rows that take `hot` bytes in the database take `cold` bytes in `objects` objects instead;
/// less than nothing where the objects are too small.
pub fn saving(hot: u64, cold: u64, objects: u64, price: ColdPrice) -> f64 {
    let billed = cold.max(objects.saturating_mul(price.least_bytes));
    (hot as f64 * HOT_PER_GB_MONTH - billed as f64 * price.per_gb_month) / GB
}
