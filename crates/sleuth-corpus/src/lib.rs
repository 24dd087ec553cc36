//! Files in, clean documents out.
