/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Hashes, the map, the generator.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"

static void keys_are_bytes(void **state)
{
    (void)state;
    struct sc_map map = {0};
    int64_t value = -7;
    assert_false(sc_map_get_text(&map, "a", &value));
    assert_int_equal(value, -7);
    assert_true(sc_map_put(&map, "", 0, 1));
    assert_true(sc_map_put(&map, "\0", 1, 2));
    assert_true(sc_map_put(&map, "\0\0", 2, 3));
    assert_true(sc_map_put_text(&map, "a", INT64_MIN));
    assert_true(sc_map_get(&map, "", 0, &value));
    assert_int_equal(value, 1);
    assert_true(sc_map_get(&map, "\0", 1, &value));
    assert_int_equal(value, 2);
    assert_true(sc_map_get(&map, "\0\0", 2, &value));
    assert_int_equal(value, 3);
    assert_true(sc_map_get(&map, "a", 1, &value));
    assert_true(value == INT64_MIN);
    assert_true(sc_map_get_text(&map, "a", NULL));
    sc_map_free(&map);
    assert_false(sc_map_get_text(&map, "a", NULL));
}

static void keys_are_copied_and_entries_stay_in_order(void **state)
{
    (void)state;
    enum { N = 20000 };
    struct sc_map map = {0};
    char key[32];
    for (int i = 0; i < N; i++) {
        snprintf(key, sizeof key, "key %d", i * 7919 % N);
        assert_true(sc_map_put_text(&map, key, i));
    }
    for (int i = 0; i < N; i += 3) { /* putting again changes the value, not the place */
        snprintf(key, sizeof key, "key %d", i * 7919 % N);
        assert_true(sc_map_put_text(&map, key, -i));
    }
    assert_int_equal(map.count, N);
    for (int i = 0; i < N; i++) {
        int64_t value = N;
        snprintf(key, sizeof key, "key %d", i * 7919 % N);
        assert_true(sc_map_get_text(&map, key, &value));
        assert_int_equal(value, i % 3 ? i : -i);
        assert_int_equal(map.entries[i].key_size, strlen(key));
        assert_memory_equal(map.entries[i].key, key, strlen(key));
    }
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "no %d", i);
        assert_false(sc_map_get_text(&map, key, NULL));
    }
    sc_map_free(&map);
}

static void hashes_tell_sizes_seeds_and_places_apart(void **state)
{
    (void)state;
    static const char zeros[64];
    for (size_t a = 0; a <= sizeof zeros; a++)
        for (size_t b = a + 1; b <= sizeof zeros; b++)
            assert_true(sc_hash_bytes(0, zeros, a) != sc_hash_bytes(0, zeros, b));
    assert_true(sc_hash_text(0, "abcdefgh12345678") != sc_hash_text(0, "12345678abcdefgh"));
    assert_true(sc_hash_text(0, "a") != sc_hash_text(1, "a"));
    assert_true(sc_hash_u64(0, 1) != sc_hash_u64(1, 0));
    assert_true(sc_hash_text(5, "text") == sc_hash_bytes(5, "text", 4));
    char shifted[9] = "_text"; /* no matter where it lies */
    assert_true(sc_hash_bytes(5, shifted + 1, 4) == sc_hash_text(5, "text"));
}

static void the_generator_is_splitmix64(void **state)
{
    (void)state;
    uint64_t seed = 1234567; /* first values as published with the reference implementation (Vigna 2015) */
    static const uint64_t published[] = {6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
                                         4593380528125082431u, 16408922859458223821u};
    for (size_t i = 0; i < SC_LEN(published); i++)
        assert_true(sc_random(&seed) == published[i]);
}

static void random_numbers_stay_in_range_and_spread(void **state)
{
    (void)state;
    uint64_t seed = 42;
    int counts[10] = {0};
    double sum = 0;
    for (int i = 0; i < 100000; i++) {
        double unit = sc_random_unit(&seed);
        assert_true(unit >= 0 && unit < 1);
        sum += unit;
        counts[sc_random_below(&seed, 10)]++;
        assert_int_equal(sc_random_below(&seed, 1), 0);
    }
    assert_true(sum > 49500 && sum < 50500);
    for (int i = 0; i < 10; i++)
        assert_true(counts[i] > 9500 && counts[i] < 10500);
    assert_true(sc_random_below(&seed, UINT64_MAX) < UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_bytes),
        cmocka_unit_test(keys_are_copied_and_entries_stay_in_order),
        cmocka_unit_test(hashes_tell_sizes_seeds_and_places_apart),
        cmocka_unit_test(the_generator_is_splitmix64),
        cmocka_unit_test(random_numbers_stay_in_range_and_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
