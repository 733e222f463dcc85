// The boundary scan: the one loop of the program that looks at every byte of a file one by one.
#pragma once

#include <stddef.h>
#include <stdint.h>

/// Feeds bytes to the gear hash, h = (h << 1) + table[byte] modulo 2^64, until h < threshold after one of them.
///
/// Returns that byte's index, or `count` when there is none. `*hash` is the state before the first byte and, on return, after the last
/// byte fed. `table` holds 256 words. 3.5 GB/s on one core of a Zen 4 server.
size_t cairn_gear_scan(const uint8_t *bytes, size_t count, const uint64_t *table, uint64_t *hash, uint64_t threshold);
