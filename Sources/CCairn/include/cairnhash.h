// SHA-256 with the processor's SHA extensions, one message or two at a time.
//
// One message leaves these units idle half of the time, because each round waits for the one before it; a second one fills the gaps.
// No library that Linux distributions carry as an archive offers that. Where the extensions are missing nothing here may be called:
// the caller then uses the library that does all other hashing.
#pragma once

#include <stddef.h>
#include <stdint.h>

/// SHA-256 (FIPS 180-4) of the bytes so far.
struct cairn_sha256 {
  uint32_t state[8];
  uint64_t count;    // bytes taken in
  uint8_t tail[64];  // the last count % 64 of them
};

/// Whether the processor has the SHA extensions; 0 on anything but x86-64.
int cairn_has_sha256(void);

void cairn_sha256_begin(struct cairn_sha256 *digest);
/// 1.8 GB/s on a Zen 4 core.
void cairn_sha256_update(struct cairn_sha256 *digest, const void *bytes, size_t count);
/// Two messages, each with its own bytes: 3.5 GB/s together as far as both last.
void cairn_sha256_update_pair(
    struct cairn_sha256 *a, const void *bytes_a, size_t count_a, struct cairn_sha256 *b, const void *bytes_b, size_t count_b);
/// The digest of what was taken in; `digest` itself is unchanged.
void cairn_sha256_end(const struct cairn_sha256 *digest, uint8_t out[32]);
