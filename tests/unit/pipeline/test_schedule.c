/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Schedules on small examples whose timelines are known by hand; refusals, cancelling, failing memory, large sizes.
 */
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pipeline/pipeline.h"
#include "support/faults.h"
#include "support/near.h"

static struct sc_schedule_stage stages[64];

static struct sc_schedule_input make(enum sc_schedule schedule, int count, int microbatches, int chunks)
{
    struct sc_schedule_input input = {schedule, count, microbatches, chunks, stages};
    for (int i = 0; i < count; i++)
        stages[i] = (struct sc_schedule_stage){
            .forward_s = 1, .backward_s = 2, .static_bytes = 100, .activation_bytes = 10, .working_bytes = 3};
    return input;
}

static struct sc_timeline *simulate(const struct sc_schedule_input *input)
{
    struct sc_timeline *timeline = NULL;
    struct sc_error err = {0};
    if (sc_timeline_simulate(input, NULL, &timeline, &err) != SC_OK)
        fail_msg("%s", err.message);
    return timeline;
}

static void test_names(void **state)
{
    enum sc_schedule found;
    (void)state;
    for (int i = 0; i < SC_SCHEDULE_COUNT; i++) {
        assert_true(sc_schedule_find(sc_schedule_name((enum sc_schedule)i), &found));
        assert_int_equal(found, i);
        assert_true(strlen(sc_schedule_help((enum sc_schedule)i)) > 20);
    }
    assert_true(sc_schedule_find("1f1b", &found) && found == SC_SCHEDULE_1F1B);
    assert_false(sc_schedule_find("2f2b", &found));
}

/* ---- instructions ----------------------------------------------------------------------------------- */

static void has_instructions(enum sc_schedule schedule, int count, int microbatches, int chunks, int stage,
                             const char *expected)
{
    struct sc_instruction *list;
    struct sc_str text = {0};
    int length;
    assert_int_equal(sc_schedule_instructions(schedule, count, microbatches, chunks, stage, &list, &length, NULL),
                     SC_OK);
    for (int k = 0; k < length; k++) {
        char line[64];
        sc_instruction_text(list[k], chunks, line, sizeof line);
        sc_str_addf(&text, "%s%s", k ? ", " : "", line);
    }
    assert_string_equal(sc_str_text(&text), expected);
    sc_str_free(&text);
    sc_free(list);
}

static void test_instructions(void **state)
{
    (void)state;
    has_instructions(SC_SCHEDULE_1F1B, 3, 3, 1, 1,
                     "receive_forward 0, forward 0, send_forward 0, receive_forward 1, forward 1, send_forward 1, "
                     "receive_backward 0, backward 0, send_backward 0, receive_forward 2, forward 2, send_forward 2, "
                     "receive_backward 1, backward 1, send_backward 1, receive_backward 2, backward 2, "
                     "send_backward 2, once");
    has_instructions(SC_SCHEDULE_1F1B, 2, 2, 1, 1,
                     "receive_forward 0, forward 0, backward 0, send_backward 0, receive_forward 1, forward 1, "
                     "backward 1, send_backward 1, once");
    has_instructions(SC_SCHEDULE_GPIPE, 2, 2, 1, 0,
                     "forward 0, send_forward 0, forward 1, send_forward 1, receive_backward 1, backward 1, "
                     "receive_backward 0, backward 0, once");
    has_instructions(SC_SCHEDULE_1F1B, 1, 2, 1, 0, "forward 0, backward 0, forward 1, backward 1, once");
    has_instructions(SC_SCHEDULE_INTERLEAVED, 2, 2, 2, 1,
                     "receive_forward 0 chunk 0, forward 0 chunk 0, send_forward 0 chunk 0, "
                     "receive_forward 1 chunk 0, forward 1 chunk 0, send_forward 1 chunk 0, "
                     "receive_forward 0 chunk 1, forward 0 chunk 1, backward 0 chunk 1, send_backward 0 chunk 1, "
                     "receive_forward 1 chunk 1, forward 1 chunk 1, backward 1 chunk 1, send_backward 1 chunk 1, "
                     "receive_backward 0 chunk 0, backward 0 chunk 0, send_backward 0 chunk 0, "
                     "receive_backward 1 chunk 0, backward 1 chunk 0, send_backward 1 chunk 0, once");
}

/* The first of 4 devices, 8 microbatches, 2 chunks, as Megatron-LM draws it (arXiv 2104.04473, figure 4, below): it
 * warms up with microbatches 0-3 of both chunks and 4 and 5 of chunk 0, then goes one by one. */
static void test_interleaved_order(void **state)
{
    static const char *const expected =
        "F0.0 F1.0 F2.0 F3.0 F0.1 F1.1 F2.1 F3.1 F4.0 F5.0 F6.0 B0.1 F7.0 B1.1 F4.1 B2.1 F5.1 B3.1 F6.1 B0.0 F7.1 B1.0 "
        "B2.0 B3.0 B4.1 B5.1 B6.1 B7.1 B4.0 B5.0 B6.0 B7.0 ";
    struct sc_instruction *list;
    struct sc_str text = {0};
    int length;
    (void)state;
    assert_int_equal(sc_schedule_instructions(SC_SCHEDULE_INTERLEAVED, 4, 8, 2, 0, &list, &length, NULL), SC_OK);
    for (int k = 0; k < length; k++)
        if (list[k].kind == SC_STEP_FORWARD || list[k].kind == SC_STEP_BACKWARD)
            sc_str_addf(&text, "%c%d.%d ", list[k].kind == SC_STEP_FORWARD ? 'F' : 'B', list[k].microbatch,
                        list[k].chunk);
    assert_string_equal(sc_str_text(&text), expected);
    sc_str_free(&text);
    sc_free(list);
}

/* ---- a timeline by hand ----------------------------------------------------------------------------- */

static void is_event(const struct sc_timeline *t, int stage, int k, const char *what, double begin, double end)
{
    char text[64];
    assert_true(k < t->stages[stage].event_count);
    const struct sc_timeline_event *event = &t->stages[stage].events[k];
    sc_instruction_text(event->what, t->input.chunks, text, sizeof text);
    assert_string_equal(text, what);
    assert_near(event->begin, begin);
    assert_near(event->end, end);
}

/* Two stages, two microbatches; a send of activations takes 0.5 s, of gradients 0.25 s; 4 s and 1 s of work once. */
static struct sc_timeline *by_hand(void)
{
    struct sc_schedule_input input = make(SC_SCHEDULE_1F1B, 2, 2, 1);
    stages[0].send_forward_s = 0.5;
    stages[1].send_backward_s = 0.25;
    stages[0].send_backward_s = stages[1].send_forward_s = 1000; /* there is nobody to send to */
    stages[0].once_s = 4;
    stages[1].once_s = 1;
    return simulate(&input);
}

static void test_events(void **state)
{
    struct sc_timeline *t = by_hand();
    (void)state;
    assert_int_equal(t->stages[0].event_count, 7);
    is_event(t, 0, 0, "forward 0", 0, 1);
    is_event(t, 0, 1, "send_forward 0", 1, 1.5);
    is_event(t, 0, 2, "forward 1", 1.5, 2.5);
    is_event(t, 0, 3, "send_forward 1", 2.5, 3);
    is_event(t, 0, 4, "backward 0", 4.75, 6.75);
    is_event(t, 0, 5, "backward 1", 8, 10);
    is_event(t, 0, 6, "once", 10, 14);
    assert_int_equal(t->stages[1].event_count, 7);
    is_event(t, 1, 0, "forward 0", 1.5, 2.5);
    is_event(t, 1, 1, "backward 0", 2.5, 4.5);
    is_event(t, 1, 2, "send_backward 0", 4.5, 4.75);
    is_event(t, 1, 3, "forward 1", 4.75, 5.75);
    is_event(t, 1, 4, "backward 1", 5.75, 7.75);
    is_event(t, 1, 5, "send_backward 1", 7.75, 8);
    is_event(t, 1, 6, "once", 8, 9);
    assert_near(t->iteration_s, 14);
    assert_near(t->stages[0].busy_s, 11);
    assert_near(t->stages[1].busy_s, 7.5);
    assert_near(t->bubble, 1 - 18.5 / 28);
    assert_near(t->formula_s, 5.5 + 3.75 + 5.5); /* t = 3 + 0.5 + 4 / 2 and 3 + 0.25 + 1 / 2 */
    sc_timeline_free(t);
}

static void test_memory(void **state)
{
    static const double times[] = {0, 1, 1.5, 2.5, 4.75, 6.75, 8, 10};
    static const double bytes[] = {113, 110, 123, 120, 123, 110, 113, 100};
    static const double in_flight[] = {1, 1, 2, 2, 2, 1, 1, 0};
    struct sc_timeline *t = by_hand();
    (void)state;
    assert_int_equal(t->stages[0].step_count, SC_LEN(times));
    for (size_t k = 0; k < SC_LEN(times); k++) {
        assert_near(t->stages[0].steps[k].time, times[k]);
        assert_near(t->stages[0].steps[k].bytes, bytes[k]);
        assert_near(t->stages[0].steps[k].in_flight, in_flight[k]);
    }
    assert_near(t->stages[0].peak_bytes, 123);
    assert_near(t->stages[0].peak_in_flight, 2);
    assert_near(t->stages[1].peak_bytes, 113);
    assert_near(t->stages[1].peak_in_flight, 1);
    sc_timeline_free(t);
}

static void test_state(void **state)
{
    struct sc_timeline *t = by_hand();
    (void)state;
    struct sc_timeline_state s = sc_timeline_state(t, 0.5, 1);
    assert_null(s.now);
    assert_ptr_equal(s.next, &t->stages[1].events[0]);
    assert_int_equal(s.waits_for, 0);
    assert_near(s.bytes, 100);
    s = sc_timeline_state(t, 3.5, 0);
    assert_null(s.now);
    assert_ptr_equal(s.next, &t->stages[0].events[4]);
    assert_int_equal(s.waits_for, 1);
    assert_near(s.in_flight, 2);
    s = sc_timeline_state(t, 10, 0);
    assert_ptr_equal(s.now, &t->stages[0].events[6]);
    assert_null(s.next);
    s = sc_timeline_state(t, 9, 1);
    assert_true(!s.now && !s.next && s.waits_for == -1);
    assert_near(sc_timeline_next(t, -5), 0);
    assert_near(sc_timeline_next(t, 0), 1);
    assert_near(sc_timeline_next(t, 4.6), 4.75);
    assert_near(sc_timeline_previous(t, 4.75), 4.5);
    assert_near(sc_timeline_previous(t, 1e9), 14);
    assert_true(isinf(sc_timeline_next(t, 14)) && isinf(sc_timeline_previous(t, 0)));
    sc_timeline_free(t);
}

/* Sends add 1 s where the formula has 1.25 s, and work once 4 s where it has 4.5 s. */
static void test_explanation(void **state)
{
    struct sc_timeline *t = by_hand();
    struct sc_str text = {0};
    (void)state;
    assert_int_equal(sc_timeline_explain(t, NULL, &text, NULL), SC_OK);
    assert_non_null(strstr(sc_str_text(&text), "14.0 s, 5.1 % (750 ms) less than the formula's 14.8 s"));
    assert_non_null(strstr(sc_str_text(&text), "stage 0 ends last, with 4.00 s of it"));
    assert_non_null(
        strstr(sc_str_text(&text), "Sends between stages add 1.00 s: 250 ms less than the formula's 1.25 s"));
    assert_non_null(strstr(sc_str_text(&text), "adds 4.00 s: 500 ms less than the formula's 4.50 s"));
    assert_null(strstr(sc_str_text(&text), "unequal"));
    sc_str_free(&text);
    sc_timeline_free(t);
}

/* GPipe's forwards wait for the slowest forward, its backwards for the slowest backward: known in closed form. */
static void test_gpipe_of_two_paces(void **state)
{
    struct sc_schedule_input input = make(SC_SCHEDULE_GPIPE, 3, 10, 1);
    struct sc_str text = {0};
    (void)state;
    stages[0].forward_s = 2;
    stages[2].backward_s = 4;
    struct sc_timeline *t = simulate(&input);
    assert_near(t->iteration_s, (2 + 1 + 1 + 9 * 2) + (2 + 2 + 4 + 9 * 4));
    assert_int_equal(sc_timeline_explain(t, NULL, &text, NULL), SC_OK);
    assert_non_null(strstr(sc_str_text(&text), "Stages are unequal: stage 2 is the longest with 5.00 s"));
    assert_non_null(strstr(sc_str_text(&text), "forwards is set by stage 0 (2.00 s)"));
    assert_non_null(strstr(sc_str_text(&text), "backwards by stage 2 (4.00 s)"));
    sc_str_free(&text);
    sc_timeline_free(t);
}

/* Interleaved, the last stage sends to the first: v - 1 times a microbatch; every other boundary v times. */
static void test_interleaved_sends(void **state)
{
    struct sc_schedule_input input = make(SC_SCHEDULE_INTERLEAVED, 2, 4, 3);
    (void)state;
    for (int i = 0; i < 2; i++)
        stages[i].send_forward_s = stages[i].send_backward_s = 0.25;
    struct sc_timeline *t = simulate(&input);
    for (int i = 0; i < 2; i++)
        assert_near(t->stages[i].busy_s, 4 * (3 + 0.25 * (3 + 2)));
    assert_near(t->formula_s, 2 * 4.25 / 3 + (4 - 1.0 / 3) * 4.25);
    sc_timeline_free(t);
}

static void test_nothing_to_do(void **state)
{
    struct sc_schedule_input input = make(SC_SCHEDULE_1F1B, 3, 4, 1);
    struct sc_str text = {0};
    (void)state;
    memset(stages, 0, sizeof stages);
    struct sc_timeline *t = simulate(&input);
    assert_true(t->iteration_s == 0 && t->bubble == 0);
    assert_near(t->stages[0].peak_in_flight, 3);
    assert_int_equal(sc_timeline_explain(t, NULL, &text, NULL), SC_OK);
    assert_int_equal(text.length, 0);
    assert_true(sc_timeline_next(t, -1) == 0 && isinf(sc_timeline_next(t, 0)));
    sc_timeline_free(t);
}

/* ---- refusals --------------------------------------------------------------------------------------- */

static void refuses(const struct sc_schedule_input *input, enum sc_status status, const char *part)
{
    struct sc_timeline *timeline = (struct sc_timeline *)stages;
    struct sc_error err = {0};
    assert_int_equal(sc_timeline_simulate(input, NULL, &timeline, &err), status);
    assert_null(timeline);
    if (!strstr(err.message, part))
        fail_msg("\"%s\" lacks \"%s\"", err.message, part);
}

static void test_refusals(void **state)
{
    static const struct {
        enum sc_schedule schedule;
        int stages, microbatches, chunks;
        enum sc_status status;
        const char *part;
    } cases[] = {
        {SC_SCHEDULE_1F1B, 0, 1, 1, SC_INPUT, "0 stages"},
        {SC_SCHEDULE_1F1B, 1, -1, 1, SC_INPUT, "-1 microbatches"},
        {SC_SCHEDULE_INTERLEAVED, 1, 1, 0, SC_INPUT, "0 chunks"},
        {SC_SCHEDULE_1F1B, 2, 4, 2, SC_INPUT, "1f1b takes a stage's layers as one chunk"},
        {SC_SCHEDULE_GPIPE, 2, 4, 2, SC_INPUT, "gpipe takes"},
        {SC_SCHEDULE_INTERLEAVED, 4, 6, 2, SC_INPUT, "6 are no multiple of 4"},
        {SC_SCHEDULE_1F1B, 1024, 1 << 20, 1, SC_LIMIT, "forwards and backwards"},
        {SC_SCHEDULE_1F1B, INT_MAX, INT_MAX, 1, SC_LIMIT, "forwards and backwards"},
        {SC_SCHEDULE_INTERLEAVED, 1 << 15, 1 << 15, INT_MAX, SC_LIMIT, "forwards and backwards"},
    };
    (void)state;
    for (size_t k = 0; k < SC_LEN(cases); k++) {
        struct sc_schedule_input input = {cases[k].schedule, cases[k].stages, cases[k].microbatches, cases[k].chunks,
                                          stages};
        refuses(&input, cases[k].status, cases[k].part);
    }
    static const double bad[] = {-1, NAN, INFINITY};
    for (size_t k = 0; k < SC_LEN(bad); k++) {
        struct sc_schedule_input input = make(SC_SCHEDULE_1F1B, 2, 2, 1);
        stages[1].send_backward_s = bad[k];
        refuses(&input, SC_INPUT, "send_backward_s of stage 1");
        input = make(SC_SCHEDULE_1F1B, 2, 2, 1);
        stages[0].activation_bytes = bad[k];
        refuses(&input, SC_INPUT, "activation_bytes of stage 0");
    }
    struct sc_schedule_input input = make(SC_SCHEDULE_1F1B, 2, 2, 1);
    stages[0].forward_s = 1e308;
    refuses(&input, SC_INPUT, "overflow");
    input = make(SC_SCHEDULE_GPIPE, 2, 2, 1);
    stages[0].activation_bytes = 1.5e308;
    refuses(&input, SC_INPUT, "overflow");
}

static void test_cancel(void **state)
{
    struct sc_schedule_input input = make(SC_SCHEDULE_1F1B, 64, 1024, 1);
    struct sc_timeline *timeline;
    struct sc_cancel cancel;
    (void)state;
    sc_cancel_init(&cancel, 0, 20000);
    assert_int_equal(sc_timeline_simulate(&input, &cancel, &timeline, NULL), SC_CANCELLED);
    assert_null(timeline);
    sc_cancel_init(&cancel, 0, 0);
    sc_cancel_request(&cancel);
    assert_int_equal(sc_timeline_simulate(&input, &cancel, &timeline, NULL), SC_CANCELLED);
}

static void test_large(void **state)
{
    struct sc_schedule_input input = make(SC_SCHEDULE_1F1B, 64, 1024, 1);
    (void)state;
    struct sc_timeline *t = simulate(&input);
    assert_within(t->iteration_s, 3 * (1024 + 63), 1e-12);
    sc_timeline_free(t);
}

static void test_failing_memory(void **state)
{
    struct sc_schedule_input input = make(SC_SCHEDULE_INTERLEAVED, 3, 6, 2);
    (void)state;
    stages[1].forward_s = 5;
    faults_begin();
    for (int n = 0; n < 1000; n++) {
        struct sc_timeline *t = NULL;
        struct sc_str text = {0};
        int before = faults_held();
        faults_after(n);
        enum sc_status status = sc_timeline_simulate(&input, NULL, &t, NULL);
        if (status == SC_OK)
            status = sc_timeline_explain(t, NULL, &text, NULL);
        bool hit = faults_hit();
        sc_str_free(&text);
        sc_timeline_free(t);
        assert_int_equal(status, hit ? SC_NO_MEMORY : SC_OK);
        assert_int_equal(faults_held(), before);
        if (!hit) {
            faults_end();
            assert_true(n > 20);
            return;
        }
    }
    fail_msg("never succeeded");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_instructions),
        cmocka_unit_test(test_interleaved_order),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_state),
        cmocka_unit_test(test_explanation),
        cmocka_unit_test(test_gpipe_of_two_paces),
        cmocka_unit_test(test_interleaved_sends),
        cmocka_unit_test(test_nothing_to_do),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_failing_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
