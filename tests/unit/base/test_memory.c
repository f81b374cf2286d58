/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The allocator, growable arrays, arenas, strings.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "support/faults.h"

static bool all_zero(const void *data, size_t size)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++)
        if (bytes[i])
            return false;
    return true;
}

static void allocation_zeroes_and_minds_overflow(void **state)
{
    (void)state;
    char *p = sc_alloc(1000);
    assert_true(all_zero(p, 1000));
    memset(p, 1, 1000);
    p = sc_realloc(p, 500, 4);
    assert_int_equal(p[999], 1);
    sc_free(p);
    p = sc_calloc(10, 10);
    assert_true(all_zero(p, 100));
    sc_free(p);
    assert_null(sc_calloc(SIZE_MAX / 2, 3));
    p = sc_alloc(0);
    assert_non_null(p);
    assert_null(sc_realloc(p, SIZE_MAX / 2, 3)); /* p is kept */
    p = sc_realloc(p, 0, 8);
    assert_non_null(p);
    sc_free(p);
    sc_free(NULL);
}

static void arrays_grow(void **state)
{
    (void)state;
    SC_VEC(int) numbers = {0};
    for (int i = 0; i < 1000; i++)
        assert_true(sc_vec_push(&numbers, i * i));
    assert_int_equal(numbers.count, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(numbers.data[i], i * i);
    assert_true(sc_vec_reserve(&numbers, 5000));
    assert_true(numbers.capacity >= 5000);
    assert_int_equal(numbers.data[999], 999 * 999);
    assert_false(sc_vec_reserve(&numbers, SIZE_MAX / 2));
    assert_int_equal(numbers.data[999], 999 * 999);
    sc_vec_free(&numbers);
    assert_null(numbers.data);
    assert_int_equal(numbers.count + numbers.capacity, 0);
}

static void arena_blocks_are_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    struct sc_arena *arena = sc_arena_new();
    unsigned char *blocks[600];
    size_t sizes[600];
    uint64_t seed = 1;
    for (int round = 0; round < 3; round++) { /* after a reset the old bytes must not show */
        for (int i = 0; i < 600; i++) {
            sizes[i] = i % 100 == 99 ? 100000 : (size_t)sc_random_below(&seed, 200);
            blocks[i] = sc_arena_alloc(arena, sizes[i]);
            assert_non_null(blocks[i]);
            assert_int_equal((uintptr_t)blocks[i] % (sizes[i] >= 32 ? 32 : 16), 0);
            assert_true(all_zero(blocks[i], sizes[i]));
            memset(blocks[i], i % 255 + 1, sizes[i]);
        }
        for (int i = 0; i < 600; i++)
            for (size_t b = 0; b < sizes[i]; b++)
                if (blocks[i][b] != i % 255 + 1)
                    fail_msg("block %d was written by another", i);
        sc_arena_reset(arena);
    }
    sc_arena_free(arena);
    sc_arena_free(NULL);
}

static void an_arena_keeps_its_largest_chunk(void **state)
{
    (void)state;
    struct sc_arena *arena = sc_arena_new();
    size_t empty = sc_arena_bytes(arena);
    assert_true(empty > 0);
    sc_arena_reset(arena);
    assert_int_equal(sc_arena_bytes(arena), empty);
    for (int i = 0; i < 100; i++)
        assert_non_null(sc_arena_alloc(arena, 1000));
    size_t full = sc_arena_bytes(arena);
    assert_true(full >= 100000);
    sc_arena_reset(arena);
    size_t kept = sc_arena_bytes(arena);
    assert_true(kept < full && kept > empty);
    assert_non_null(sc_arena_alloc(arena, 1000));
    assert_int_equal(sc_arena_bytes(arena), kept);
    sc_arena_free(arena);
}

static void large_blocks_do_not_waste_the_newest_chunk(void **state)
{
    (void)state;
    struct sc_arena *arena = sc_arena_new();
    size_t asked = 0;
    for (int i = 0; i < 50; i++) {
        assert_non_null(sc_arena_alloc(arena, 10));
        assert_non_null(sc_arena_alloc(arena, 5 << 20));
        asked += 10 + (5 << 20);
    }
    assert_true(sc_arena_bytes(arena) < asked + (1 << 20));
    assert_null(sc_arena_alloc(arena, SIZE_MAX - 8));
    assert_null(sc_arena_calloc(arena, SIZE_MAX / 2, 3));
    sc_arena_free(arena);
}

static void arenas_copy_text(void **state)
{
    (void)state;
    struct sc_arena *arena = sc_arena_new();
    assert_string_equal(sc_arena_strdup(arena, "abc"), "abc");
    assert_string_equal(sc_arena_strndup(arena, "abcdef", 2), "ab");
    assert_string_equal(sc_arena_strndup(arena, NULL, 0), "");
    assert_string_equal(sc_arena_printf(arena, "%d-%s", 7, "x"), "7-x");
    assert_memory_equal(sc_arena_copy(arena, "a\0b", 3), "a\0b", 3);
    assert_non_null(sc_arena_copy(arena, NULL, 0));
    sc_arena_free(arena);
}

static void strings_grow_and_start_again(void **state)
{
    (void)state;
    struct sc_str str = {0};
    assert_string_equal(sc_str_text(&str), "");
    sc_str_add(&str, "");
    for (int i = 0; i < 1000; i++)
        sc_str_addf(&str, "%03d,", i);
    assert_int_equal(str.length, 4000);
    assert_memory_equal(str.data + 3996, "999,", 5);
    sc_str_clear(&str);
    assert_string_equal(sc_str_text(&str), "");
    sc_str_addn(&str, "abcdef", 3);
    sc_str_addn(&str, NULL, 0);
    assert_string_equal(sc_str_text(&str), "abc");
    assert_false(str.failed);
    sc_str_free(&str);
    assert_string_equal(sc_str_text(&str), "");
}

static void a_string_that_failed_keeps_what_was_there(void **state)
{
    (void)state;
    struct sc_str str = {0};
    faults_begin();
    sc_str_add(&str, "kept");
    faults_after(0);
    sc_str_addf(&str, "%0500d", 1);
    assert_true(faults_hit());
    assert_true(str.failed);
    sc_str_add(&str, " more"); /* nothing goes behind a hole */
    faults_end();
    assert_string_equal(sc_str_text(&str), "kept");
    sc_str_clear(&str);
    assert_false(str.failed);
    sc_str_free(&str);
}

/* Each of these is run with the 1st, 2nd, … allocation failing until none fails. They return whether they got all. */
static bool use_arena(void)
{
    struct sc_arena *arena = sc_arena_new();
    bool ok = arena != NULL;
    for (int i = 0; ok && i < 20; i++)
        ok = sc_arena_printf(arena, "%0*d", 1 + i * 300, i) && sc_arena_alloc(arena, 3 << 20);
    sc_arena_free(arena);
    return ok;
}

static bool use_vec(void)
{
    SC_VEC(double) numbers = {0};
    bool ok = true;
    for (int i = 0; ok && i < 100; i++) {
        ok = sc_vec_push(&numbers, i);
        assert_int_equal(numbers.count, ok ? i + 1 : i);
    }
    sc_vec_free(&numbers);
    return ok;
}

static bool use_map(void)
{
    struct sc_map map = {0};
    bool ok = true;
    int put = 0;
    for (; ok && put < 500; put += ok)
        ok = sc_map_put(&map, &put, sizeof put, put * 2);
    for (int i = 0; i < put; i++) { /* what was put is there after a failure too */
        int64_t value = -1;
        assert_true(sc_map_get(&map, &i, sizeof i, &value));
        assert_int_equal(value, i * 2);
    }
    assert_int_equal(map.count, put);
    assert_false(!ok && sc_map_get(&map, &put, sizeof put, NULL));
    sc_map_free(&map);
    return ok;
}

static bool use_json(void)
{
    static const char text[] = "{\"a\": [1, 2.5, \"three\", {\"b\": null}], \"c\": {\"d\": true}, \"e\": \"\\u00e4\"}";
    struct sc_json_doc *doc = NULL;
    struct sc_error err = {0};
    enum sc_status status = sc_json_parse("t", text, sizeof text - 1, &doc, &err);
    if (status != SC_OK) {
        assert_int_equal(status, SC_NO_MEMORY);
        assert_int_equal(err.status, SC_NO_MEMORY);
        assert_null(doc);
        return false;
    }
    /* an error is told even when there is no memory for its path */
    const struct sc_json *value = sc_json_get(sc_json_get(sc_json_root(doc), "c"), "d");
    assert_int_equal(sc_json_fail(doc, value, &err, "wrong"), SC_INPUT);
    assert_string_equal(err.message, "wrong");
    assert_int_equal(err.column, 50);
    bool ok = err.path[0] != '\0';
    sc_json_doc_free(doc);
    return ok;
}

static bool use_big_object(void)
{
    struct sc_str text = {0};
    for (int i = 0; i < 40; i++) /* more than is sorted on the stack */
        sc_str_addf(&text, "%s\"k%d\": %d", i ? "," : "{", i, i);
    sc_str_add(&text, "}");
    struct sc_json_doc *doc = NULL;
    bool ok = !text.failed && sc_json_parse("t", text.data, text.length, &doc, NULL) == SC_OK;
    if (ok)
        assert_int_equal(sc_json_count(sc_json_root(doc)), 40);
    sc_json_doc_free(ok ? doc : NULL);
    sc_str_free(&text);
    return ok;
}

static bool use_progress(void)
{
    struct sc_progress *progress = sc_progress_new();
    sc_progress_free(progress);
    return progress != NULL;
}

static void lack_of_memory_is_survived_everywhere(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool (*use)(void);
        int least; /* allocations */
    } uses[] = {
        {"arena", use_arena, 20},       {"vec", use_vec, 4},           {"map", use_map, 10}, {"json", use_json, 10},
        {"object", use_big_object, 80}, {"progress", use_progress, 1},
    };
    faults_begin();
    for (size_t u = 0; u < SC_LEN(uses); u++) {
        int n = 0;
        for (bool done = false; !done; n++) {
            faults_after(n);
            bool ok = uses[u].use();
            done = !faults_hit();
            if (ok != done)
                fail_msg("%s: allocation %d fails, and %s", uses[u].name, n, ok ? "all is well" : "nothing else did");
        }
        if (n <= uses[u].least)
            fail_msg("%s: only %d allocations", uses[u].name, n - 1);
    }
    faults_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocation_zeroes_and_minds_overflow),
        cmocka_unit_test(arrays_grow),
        cmocka_unit_test(arena_blocks_are_zeroed_aligned_and_apart),
        cmocka_unit_test(an_arena_keeps_its_largest_chunk),
        cmocka_unit_test(large_blocks_do_not_waste_the_newest_chunk),
        cmocka_unit_test(arenas_copy_text),
        cmocka_unit_test(strings_grow_and_start_again),
        cmocka_unit_test(a_string_that_failed_keeps_what_was_there),
        cmocka_unit_test(lack_of_memory_is_survived_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
