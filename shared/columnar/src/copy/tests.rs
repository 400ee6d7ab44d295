use super::*;

fn tuple(values: &[Option<&[u8]>]) -> Vec<u8> {
    let mut tuple = (values.len() as i16).to_be_bytes().to_vec();
    for value in values {
        tuple.extend(value.map_or(-1, |value| value.len() as i32).to_be_bytes());
        tuple.extend(value.unwrap_or_default());
    }
    tuple
}

fn read(pieces: &[&[u8]]) -> Result<Vec<Vec<u8>>, Error> {
    let mut stream = Stream::new();
    let mut tuples = Vec::new();
    for piece in pieces {
        stream.feed(piece, |tuple| {
            tuples.push(tuple.to_vec());
            Ok::<_, Error>(())
        })?;
    }
    stream.finish()?;
    Ok(tuples)
}

#[test]
fn tuples_are_the_same_wherever_pieces_end() {
    let tuples = [tuple(&[Some(b"one"), None]), tuple(&[Some(b""), Some(&[7; 300])]), tuple(&[None, None])];
    let mut bytes = HEADER.to_vec();
    // An extension of the header, which a reader passes over.
    bytes[18] = 3;
    bytes.extend(b"xyz");
    bytes.extend(tuples.concat());
    bytes.extend(TRAILER);
    assert_eq!(read(&[&bytes]).unwrap(), tuples);
    assert_eq!(read(&bytes.chunks(1).collect::<Vec<_>>()).unwrap(), tuples);
    for at in 0..bytes.len() {
        assert_eq!(read(&[&bytes[..at], &bytes[at..]]).unwrap(), tuples);
    }
}

#[test]
fn a_stream_without_its_trailer_may_lack_rows() {
    let error = read(&[HEADER, &tuple(&[None])]).unwrap_err();
    assert_eq!(error.to_string(), "malformed COPY data: it ends without its trailer, so rows may be missing");
}

#[test]
fn what_is_no_stream_is_refused_with_its_reason() {
    let with = |bytes: &[u8]| [HEADER.as_slice(), bytes].concat();
    let mut flags = HEADER.to_vec();
    flags[12] = 1;
    for (bytes, reason) in [
        (b"PGCOPX".to_vec(), "signature"),
        (flags, "flags"),
        (with(&[0xff, 0xfe]), "-2 columns"),
        (with(&[0, 1, 0xff, 0xff, 0xff, 0xfe]), "length of -2"),
        (with(&[0, 1, 0x7f, 0xff, 0xff, 0xff]), "longer than"),
        (with(&[0xff, 0xff, 0]), "follow the trailer"),
    ] {
        let error = read(&[&bytes]).unwrap_err().to_string();
        assert!(error.contains(reason), "{error:?} does not say {reason:?}");
    }
}

#[test]
fn the_values_of_a_tuple_are_exactly_its_bytes() {
    let whole = tuple(&[Some(b"one"), None, Some(b"")]);
    let values: Vec<_> = fields(&whole).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(values, [Some(b"one".as_slice()), None, Some(b"")]);

    let mut longer = whole.clone();
    longer.push(0);
    for bytes in [&longer[..], &whole[..whole.len() - 1], &[0, 1, 0, 0, 0, 2, 9]] {
        assert!(fields(bytes).unwrap().any(|value| value.is_err()), "{bytes:?}");
    }
    assert!(fields(&[0]).is_err() && fields(&[0xff, 0xff]).is_err());
}
