/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Cancelling and progress across threads; reading on many threads at once.
 */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"

static void *work_until_cancelled(void *argument)
{
    struct sc_cancel *cancel = argument;
    while (!sc_cancel_work(cancel, 1))
        ;
    return NULL;
}

static void another_thread_cancels(void **state)
{
    (void)state;
    struct sc_cancel cancel;
    pthread_t threads[3];
    sc_cancel_init(&cancel, 0, 0);
    for (size_t i = 0; i < SC_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work_until_cancelled, &cancel), 0);
    while (cancel.work < 1000)
        ;
    assert_false(sc_cancel_requested(&cancel));
    double start = sc_now();
    sc_cancel_request(&cancel);
    for (size_t i = 0; i < SC_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    assert_true(sc_now() - start < 1);
    assert_true(sc_cancelled(&cancel));
    assert_true(sc_cancel_requested(&cancel));
}

static void limits_of_work_are_exact(void **state)
{
    (void)state;
    struct sc_cancel cancel;
    sc_cancel_init(&cancel, 0, 10);
    assert_false(sc_cancel_work(&cancel, 4));
    assert_false(sc_cancel_work(&cancel, 5));
    assert_false(sc_cancelled(&cancel));
    assert_true(sc_cancel_work(&cancel, 1));
    assert_true(sc_cancelled(&cancel));
    assert_false(sc_cancel_requested(&cancel)); /* a limit is no request */
    sc_cancel_init(&cancel, 0, 0);
    assert_false(sc_cancel_work(&cancel, UINT64_MAX / 2));
}

static void limits_of_time_end(void **state)
{
    (void)state;
    struct sc_cancel cancel;
    double start = sc_now();
    sc_cancel_init(&cancel, 0.03, 0);
    assert_false(sc_cancel_requested(&cancel));
    work_until_cancelled(&cancel);
    double took = sc_now() - start;
    assert_true(took >= 0.03 && took < 2);
    assert_true(sc_cancelled(&cancel));
    assert_false(sc_cancel_requested(&cancel));
}

static void never_is_allowed(void **state)
{
    (void)state;
    assert_false(sc_cancelled(NULL));
    assert_false(sc_cancel_work(NULL, 1));
    assert_false(sc_cancel_requested(NULL));
    sc_progress_set(NULL, "nowhere", 0, 0);
}

enum { UPDATES = 20000 };

static void *set_progress(void *argument)
{
    for (int i = 1; i <= UPDATES; i++)
        sc_progress_set(argument, i % 2 ? "odd" : "even", i, -i);
    return NULL;
}

static void progress_is_read_whole(void **state)
{
    (void)state;
    struct sc_progress *progress = sc_progress_new();
    struct sc_progress_value value = sc_progress_get(progress);
    assert_true(value.best == INFINITY && value.bound == -INFINITY);
    assert_string_equal(value.phase, "");
    assert_int_equal(value.updates, 0);
    assert_true(value.started <= sc_now());
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, set_progress, progress), 0);
    uint64_t seen = 0;
    while (seen < UPDATES) {
        value = sc_progress_get(progress);
        assert_true(value.updates >= seen);
        seen = value.updates;
        if (!seen)
            continue;
        assert_true(value.best == (double)seen && value.bound == -(double)seen);
        assert_string_equal(value.phase, seen % 2 ? "odd" : "even");
    }
    pthread_join(thread, NULL);
    sc_progress_set(progress, "a phase whose name is longer than the slot that holds it", 1, 0);
    value = sc_progress_get(progress);
    assert_int_equal(strlen(value.phase), sizeof value.phase - 1);
    sc_progress_free(progress);
    sc_progress_free(NULL);
}

/* Right and wrong texts in turn, each with its own place of the error; numbers as well. */
static void *parse_many(void *argument)
{
    intptr_t wrong = 0;
    int self = *(int *)argument;
    for (int i = 0; i < 300; i++) {
        struct sc_json_doc *doc = NULL;
        struct sc_error err = {0};
        char text[128];
        int blanks = (self * 37 + i) % 60;
        int length =
            snprintf(text, sizeof text, "{\"n\": %d.5, \"list\": [1, 2%*s%s", i, blanks, "", i % 2 ? "]}" : " x]}");
        enum sc_status status = sc_json_parse("t", text, (size_t)length, &doc, &err);
        double number = 0;
        if (i % 2)
            wrong += status != SC_OK || sc_json_number(sc_json_get(sc_json_root(doc), "n")) != i + 0.5;
        else
            wrong += status != SC_INPUT || err.line != 1 || err.column != length - 2;
        snprintf(text, sizeof text, "%d.25", i);
        wrong += !sc_parse_double(text, &number) || number != i + 0.25;
        if (status == SC_OK)
            sc_json_doc_free(doc);
    }
    return (void *)wrong;
}

static void threads_read_at_once(void **state)
{
    (void)state;
    pthread_t threads[4];
    int names[SC_LEN(threads)];
    for (size_t i = 0; i < SC_LEN(threads); i++) {
        names[i] = (int)i;
        assert_int_equal(pthread_create(&threads[i], NULL, parse_many, &names[i]), 0);
    }
    for (size_t i = 0; i < SC_LEN(threads); i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        assert_int_equal((intptr_t)wrong, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_thread_cancels), cmocka_unit_test(limits_of_work_are_exact),
        cmocka_unit_test(limits_of_time_end),     cmocka_unit_test(never_is_allowed),
        cmocka_unit_test(progress_is_read_whole), cmocka_unit_test(threads_read_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
