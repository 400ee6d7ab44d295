//! Sources that are ready to use: NOAA's GFS at 0.25 degrees, and a nowcast of GOES and MRMS.

use jiff::SignedDuration;

use super::joint::{Instrument, Joint};
use super::{BadPattern, KeyPattern, Requirement, Settle, Upstream};

/// A source that is ready to use; what the watch file says beside it counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Preset {
    /// Its nominal times, as the watch file writes them.
    pub times: Times,
    /// Where it is published, and when it is complete.
    pub upstream: Upstream,
    /// How long after its nominal time a cycle is usually complete.
    pub expected_after: SignedDuration,
    /// From when on a cycle that is not complete is late.
    pub late_after: SignedDuration,
    /// How old a cycle may be and still be of use.
    pub look_back: SignedDuration,
}

/// How nominal times are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// `schedule`, on the clock of UTC.
    Cron(&'static str),
    /// `every`.
    Every(SignedDuration),
}

/// The names of all presets.
pub const NAMES: [&str; 2] = ["gfs-0p25", "goes-mrms"];

/// The preset of a name; none where there is none.
///
/// # Errors
/// None with the patterns below.
pub fn find(name: &str) -> Result<Option<Preset>, BadPattern> {
    let (hours, minutes) = (SignedDuration::from_hours, SignedDuration::from_mins);
    Ok(match name {
        "gfs-0p25" => Some(Preset {
            times: Times::Cron(GFS_SCHEDULE),
            upstream: Upstream::Objects { mirrors: vec![GFS_BUCKET.to_owned()], requirement: gfs()? },
            // The last file comes about five hours after the nominal time.
            expected_after: minutes(5 * 60 + 15),
            late_after: hours(6),
            look_back: hours(24),
        }),
        "goes-mrms" => Some(Preset {
            times: Times::Every(NOWCAST_EVERY),
            upstream: Upstream::Joint(nowcast()?),
            // A scan of the full disk takes ten minutes, and its product some more.
            expected_after: minutes(15),
            late_after: minutes(30),
            // An old nowcast is of no use.
            look_back: hours(2),
        }),
        _ => None,
    })
}

/// NOAA's own bucket of GFS (registry.opendata.aws/noaa-gfs-bdp-pds), region us-east-1, read without credentials.
pub const GFS_BUCKET: &str = "noaa-gfs-bdp-pds";
/// When GFS runs begin (UTC): nco.ncep.noaa.gov/pmb/products/gfs, "model cycle runtime".
pub const GFS_SCHEDULE: &str = "0 0,6,12,18 * * *";
/// The files of a cycle: hourly to f120 and every three hours to f384, 209 in all (nco.ncep.noaa.gov/pmb/products/gfs,
/// `gfs.tCCz.pgrb2.0p25.fFFF`; the bucket keeps them below `gfs.YYYYMMDD/CC/atmos/`).
pub const GFS_KEYS: [&str; 2] = [
    "gfs.{yyyymmdd}/{hh}/atmos/gfs.t{hh}z.pgrb2.0p25.f{000..120..1}",
    "gfs.{yyyymmdd}/{hh}/atmos/gfs.t{hh}z.pgrb2.0p25.f{123..384..3}",
];
/// A file of GFS at 0.25 degrees has about 500 MB (487 to 538 MB in 2025 and 2026); one of a tenth was cut.
pub const GFS_MIN_BYTES: u64 = 50_000_000;

/// When a cycle of GFS is complete.
///
/// # Errors
/// None with the patterns above.
pub fn gfs() -> Result<Requirement, BadPattern> {
    let keys = GFS_KEYS.into_iter().map(KeyPattern::read).collect::<Result<_, _>>()?;
    let settle = Settle::Still(SignedDuration::from_mins(1));
    Ok(Requirement { keys, at_least: 0, min_bytes: GFS_MIN_BYTES, settle, past: SignedDuration::from_hours(12) })
}

/// NOAA's bucket of GOES-East, GOES-19 since April 2025 (registry.opendata.aws/noaa-goes), region us-east-1.
pub const GOES_BUCKET: &str = "noaa-goes19";
/// The rain rate of the full disk, every ten minutes; `s` is the scan's start. Directories are product, year, day of the
/// year, hour; names follow the GOES-R Product Definition and Users' Guide, volume 5, appendix A:
/// `ABI-L2-RRQPEF/2026/248/20/OR_ABI-L2-RRQPEF-M6_G19_s20262482020207_e20262482029515_c20262482029565.nc` (the last digit
/// of each time is a tenth of a second).
pub const GOES_KEYS: &str = "ABI-L2-RRQPEF/{yyyy}/{jjj}/{hh}/OR_ABI-L2-RRQPEF-M*_G19_s{time:%Y%j%H%M%S}*.nc";
/// NOAA's bucket of MRMS (registry.opendata.aws/noaa-mrms-pds), region us-east-1.
pub const MRMS_BUCKET: &str = "noaa-mrms-pds";
/// The rain rate over the contiguous United States, every two minutes; names follow
/// nssl.noaa.gov/projects/mrms/operational/tables.php, below `CONUS/PRODUCT_LEVEL/YYYYMMDD/`.
pub const MRMS_KEYS: &str = "CONUS/PrecipRate_00.00/{yyyymmdd}/MRMS_PrecipRate_00.00_{time:%Y%m%d-%H%M%S}.grib2.gz";
/// How often GOES scans the full disk (scan mode 6).
pub const NOWCAST_EVERY: SignedDuration = SignedDuration::from_mins(10);
/// How far apart a scan and a mosaic may be.
pub const NOWCAST_WITHIN: SignedDuration = SignedDuration::from_mins(5);

/// When a nowcast's cycle is ready.
///
/// # Errors
/// None with the patterns above.
pub fn nowcast() -> Result<Joint, BadPattern> {
    let instrument = |name: &str, bucket: &str, keys: &str| {
        let pattern = KeyPattern::read(keys)?;
        Ok(Instrument { name: name.to_owned(), mirrors: vec![bucket.to_owned()], pattern, min_bytes: 1 })
    };
    let parts = vec![instrument("goes", GOES_BUCKET, GOES_KEYS)?, instrument("mrms", MRMS_BUCKET, MRMS_KEYS)?];
    Ok(Joint { parts, within: NOWCAST_WITHIN })
}
