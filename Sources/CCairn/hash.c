#include "cairnhash.h"

#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

static const uint32_t constants[64] __attribute__((aligned(64))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

int cairn_has_sha256(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1)) return 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & (1u << 29));
}

// The state in the order that the instructions want: ABEF and CDGH.
struct lane {
  __m128i abef, cdgh;
};

#define EXTENSIONS __attribute__((target("sha,sse4.1,ssse3")))
#define INLINE EXTENSIONS static inline __attribute__((always_inline))

INLINE struct lane load(const uint32_t state[8]) {
  __m128i badc = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xB1);
  __m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1B);
  return (struct lane){_mm_alignr_epi8(badc, hgfe, 8), _mm_blend_epi16(hgfe, badc, 0xF0)};
}

INLINE void store(struct lane lane, uint32_t state[8]) {
  __m128i feba = _mm_shuffle_epi32(lane.abef, 0x1B);
  __m128i dchg = _mm_shuffle_epi32(lane.cdgh, 0xB1);
  _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(feba, dchg, 0xF0));
  _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

// Hashes `blocks` blocks of each of `lanes` messages. `lanes` is a constant at each call, and all loops over it and over the rounds
// are unrolled, so that the instructions of the lanes alternate.
INLINE void compress(int lanes, uint32_t *const *states, const uint8_t *const *bytes, size_t blocks) {
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0bULL, 0x0405060700010203ULL);
  struct lane now[2];
  __m128i words[2][4];
  for (int l = 0; l < lanes; l++) now[l] = load(states[l]);
  for (size_t block = 0; block < blocks; block++) {
    struct lane before[2];
    for (int l = 0; l < lanes; l++) before[l] = now[l];
#pragma clang loop unroll(full)
    for (int four = 0; four < 16; four++) {
      const __m128i k = _mm_load_si128((const __m128i *)&constants[4 * four]);
#pragma clang loop unroll(full)
      for (int l = 0; l < lanes; l++) {
        __m128i w;
        if (four < 4) {
          w = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(bytes[l] + block * 64 + 16 * four)), big_endian);
        } else {
          w = _mm_sha256msg1_epu32(words[l][four & 3], words[l][(four + 1) & 3]);
          w = _mm_add_epi32(w, _mm_alignr_epi8(words[l][(four + 3) & 3], words[l][(four + 2) & 3], 4));
          w = _mm_sha256msg2_epu32(w, words[l][(four + 3) & 3]);
        }
        words[l][four & 3] = w;
        w = _mm_add_epi32(w, k);
        now[l].cdgh = _mm_sha256rnds2_epu32(now[l].cdgh, now[l].abef, w);
        now[l].abef = _mm_sha256rnds2_epu32(now[l].abef, now[l].cdgh, _mm_shuffle_epi32(w, 0x0E));
      }
    }
    for (int l = 0; l < lanes; l++) {
      now[l].abef = _mm_add_epi32(now[l].abef, before[l].abef);
      now[l].cdgh = _mm_add_epi32(now[l].cdgh, before[l].cdgh);
    }
  }
  for (int l = 0; l < lanes; l++) store(now[l], states[l]);
}

EXTENSIONS static void compress_one(uint32_t *state, const uint8_t *bytes, size_t blocks) {
  compress(1, &state, &bytes, blocks);
}

EXTENSIONS static void compress_two(uint32_t *const states[2], const uint8_t *const bytes[2], size_t blocks) {
  compress(2, states, bytes, blocks);
}
#else
int cairn_has_sha256(void) { return 0; }
static void compress_one(uint32_t *state, const uint8_t *bytes, size_t blocks) { __builtin_trap(); }
static void compress_two(uint32_t *const states[2], const uint8_t *const bytes[2], size_t blocks) { __builtin_trap(); }
#endif

void cairn_sha256_begin(struct cairn_sha256 *digest) {
  static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  memcpy(digest->state, initial, sizeof initial);
  digest->count = 0;
}

// Fills the tail up to a whole block; returns how many bytes that took.
static size_t fill_tail(struct cairn_sha256 *digest, const uint8_t *bytes, size_t count) {
  size_t used = digest->count % 64;
  if (used == 0 || count == 0) return 0;
  size_t taken = 64 - used < count ? 64 - used : count;
  memcpy(digest->tail + used, bytes, taken);
  digest->count += taken;
  if (used + taken == 64) compress_one(digest->state, digest->tail, 1);
  return taken;
}

void cairn_sha256_update(struct cairn_sha256 *digest, const void *input, size_t count) {
  const uint8_t *bytes = input;
  size_t taken = fill_tail(digest, bytes, count);
  size_t blocks = (count - taken) / 64;
  if (blocks > 0) compress_one(digest->state, bytes + taken, blocks);
  taken += blocks * 64;
  digest->count += blocks * 64;
  if (taken == count) return;
  memcpy(digest->tail, bytes + taken, count - taken);
  digest->count += count - taken;
}

void cairn_sha256_update_pair(
    struct cairn_sha256 *a, const void *bytes_a, size_t count_a, struct cairn_sha256 *b, const void *bytes_b, size_t count_b) {
  size_t taken_a = fill_tail(a, bytes_a, count_a), taken_b = fill_tail(b, bytes_b, count_b);
  const uint8_t *rest_a = (const uint8_t *)bytes_a + taken_a, *rest_b = (const uint8_t *)bytes_b + taken_b;
  size_t blocks_a = (count_a - taken_a) / 64, blocks_b = (count_b - taken_b) / 64;
  size_t blocks = blocks_a < blocks_b ? blocks_a : blocks_b;
  if (blocks > 0) {
    compress_two((uint32_t *const[2]){a->state, b->state}, (const uint8_t *const[2]){rest_a, rest_b}, blocks);
    a->count += blocks * 64;
    b->count += blocks * 64;
  }
  cairn_sha256_update(a, rest_a + blocks * 64, count_a - taken_a - blocks * 64);
  cairn_sha256_update(b, rest_b + blocks * 64, count_b - taken_b - blocks * 64);
}

void cairn_sha256_end(const struct cairn_sha256 *digest, uint8_t out[32]) {
  uint32_t state[8];
  uint8_t last[128] = {0};
  size_t used = digest->count % 64, length = used < 56 ? 64 : 128;
  memcpy(state, digest->state, sizeof state);
  memcpy(last, digest->tail, used);
  last[used] = 0x80;
  for (int i = 0; i < 8; i++) last[length - 1 - i] = (uint8_t)(digest->count * 8 >> 8 * i);
  compress_one(state, last, length / 64);
  for (int i = 0; i < 32; i++) out[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
}
