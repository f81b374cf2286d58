/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Schedules of many shapes: the formula where it is exact, and what has to hold of any timeline, by checks that know
 * only the events.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pipeline/pipeline.h"
#include "support/near.h"

enum { MAX_STAGES = 64 };
static struct sc_schedule_stage stages[MAX_STAGES];

static struct sc_timeline *simulate(const struct sc_schedule_input *input)
{
    struct sc_timeline *timeline = NULL;
    struct sc_error err = {0};
    if (sc_timeline_simulate(input, NULL, &timeline, &err) != SC_OK)
        fail_msg("%s, %d stages, %d microbatches, %d chunks: %s", sc_schedule_name(input->schedule), input->stage_count,
                 input->microbatches, input->chunks, err.message);
    return timeline;
}

static void equal_stages(int count, double forward, double backward)
{
    for (int i = 0; i < count; i++)
        stages[i] = (struct sc_schedule_stage){
            .forward_s = forward, .backward_s = backward, .static_bytes = 100, .activation_bytes = 10};
}

/* Every shape up to 9 stages and 24 microbatches, and some large ones. */
static const int many_stages[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 64};
static const int many_microbatches[] = {1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 21, 24, 64, 128, 1024};
static const int many_chunks[] = {1, 2, 3, 4, 8};

/* Calls `each` with every shape that can be scheduled, equal stages and no sends. */
static void for_all_shapes(void (*each)(const struct sc_schedule_input *input), int *shapes)
{
    uint64_t seed = 3;
    *shapes = 0;
    for (int k = 0; k < SC_SCHEDULE_COUNT; k++)
        for (size_t s = 0; s < SC_LEN(many_stages); s++)
            for (size_t b = 0; b < SC_LEN(many_microbatches); b++)
                for (size_t v = 0; v < SC_LEN(many_chunks); v++) {
                    struct sc_schedule_input input = {(enum sc_schedule)k, many_stages[s], many_microbatches[b],
                                                      many_chunks[v], stages};
                    if (input.stage_count * input.microbatches * input.chunks > 1 << 17 ||
                        sc_schedule_check(input.schedule, input.stage_count, input.microbatches, input.chunks, NULL))
                        continue;
                    equal_stages(input.stage_count, 0.1 + sc_random_unit(&seed), 0.1 + 2 * sc_random_unit(&seed));
                    each(&input);
                    ++*shapes;
                }
}

static void check_formula(const struct sc_schedule_input *input)
{
    struct sc_timeline *t = simulate(input);
    struct sc_str text = {0};
    assert_within(t->iteration_s, t->formula_s, 1e-12);
    assert_int_equal(sc_timeline_explain(t, NULL, &text, NULL), SC_OK);
    assert_string_equal(sc_str_text(&text), "");
    sc_timeline_free(t);
}

static void test_formula_is_exact_for_equal_stages(void **state)
{
    int shapes;
    (void)state;
    for_all_shapes(check_formula, &shapes);
    assert_true(shapes > 500);
}

/* Held at most as the schedule says, on every stage, and to that number. */
static void check_in_flight(const struct sc_schedule_input *input)
{
    struct sc_timeline *t = simulate(input);
    for (int i = 0; i < input->stage_count; i++) {
        double peak = t->stages[i].peak_in_flight, left = input->stage_count - i;
        assert_true(peak ==
                    sc_schedule_in_flight(input->schedule, input->stage_count, input->microbatches, input->chunks, i));
        if (input->schedule == SC_SCHEDULE_GPIPE)
            assert_true(peak == input->microbatches);
        else if (input->chunks == 1)
            assert_true(peak == fmin(left, input->microbatches));
        assert_near(t->stages[i].peak_bytes, 100 + 10 * peak);
    }
    sc_timeline_free(t);
}

static void test_in_flight(void **state)
{
    int shapes;
    (void)state;
    for_all_shapes(check_in_flight, &shapes);
    assert_true(shapes > 500);
}

static double idle(const struct sc_schedule_input *input)
{
    struct sc_timeline *t = simulate(input);
    double seconds = t->bubble * t->iteration_s;
    sc_timeline_free(t);
    return seconds;
}

static void test_interleaving_divides_the_bubble(void **state)
{
    (void)state;
    for (int s = 2; s <= 8; s++)
        for (int v = 2; v <= 6; v++) {
            struct sc_schedule_input plain = {SC_SCHEDULE_1F1B, s, 4 * s, 1, stages};
            struct sc_schedule_input interleaved = {SC_SCHEDULE_INTERLEAVED, s, 4 * s, v, stages};
            equal_stages(s, 1, 2);
            assert_near(idle(&plain), 3.0 * (s - 1));
            assert_near(idle(&interleaved), idle(&plain) / v);
        }
}

/* ---- any timeline ----------------------------------------------------------------------------------- */

/* End of the only event of that kind for a microbatch and chunk on a stage; `begin` too. */
struct span {
    double begin, end;
    int count;
};
static struct span *spans; /* [((kind * stages + stage) * microbatches + microbatch) * chunks + chunk] */

static struct span *span_of(const struct sc_schedule_input *in, enum sc_step_kind kind, int stage, int m, int c)
{
    return &spans[(((int)kind * in->stage_count + stage) * in->microbatches + m) * in->chunks + c];
}

/* When the tensor leaves a stage: behind its send, or behind its computation when the send takes no time. */
static double leaves(const struct sc_schedule_input *in, bool backward, int stage, int m, int c)
{
    const struct span *send = span_of(in, backward ? SC_STEP_SEND_BACKWARD : SC_STEP_SEND_FORWARD, stage, m, c);
    return send->count ? send->end : span_of(in, backward ? SC_STEP_BACKWARD : SC_STEP_FORWARD, stage, m, c)->end;
}

static void collect_spans(const struct sc_timeline *t)
{
    const struct sc_schedule_input *in = &t->input;
    memset(spans, 0, sizeof *spans * SC_STEP_COUNT * (size_t)(in->stage_count * in->microbatches * in->chunks));
    for (int i = 0; i < in->stage_count; i++) {
        double free_at = 0, busy = 0;
        for (int e = 0; e < t->stages[i].event_count; e++) {
            const struct sc_timeline_event *event = &t->stages[i].events[e];
            struct span *span = span_of(in, event->what.kind, i, event->what.microbatch, event->what.chunk);
            assert_int_equal(event->stage, i);
            assert_true(event->begin >= free_at && event->end >= event->begin && event->end <= t->iteration_s);
            free_at = event->end;
            busy += event->end - event->begin;
            *span = (struct span){event->begin, event->end, span->count + 1};
            assert_int_equal(span->count, 1);
        }
        assert_near(busy, t->stages[i].busy_s);
    }
}

/* Chunk c of stage i is part c * S + i of the model: a chain of forwards, then a chain of backwards. */
static void check_dependencies(const struct sc_timeline *t)
{
    const struct sc_schedule_input *in = &t->input;
    int parts = in->stage_count * in->chunks;
    for (int m = 0; m < in->microbatches; m++)
        for (int p = 0; p < parts; p++) {
            int stage = p % in->stage_count, chunk = p / in->stage_count;
            const struct span *forward = span_of(in, SC_STEP_FORWARD, stage, m, chunk);
            const struct span *backward = span_of(in, SC_STEP_BACKWARD, stage, m, chunk);
            assert_int_equal(forward->count, 1);
            assert_int_equal(backward->count, 1);
            assert_near(forward->end - forward->begin + 1, in->stages[stage].forward_s / in->chunks + 1);
            assert_near(backward->end - backward->begin + 1, in->stages[stage].backward_s / in->chunks + 1);
            if (p > 0)
                assert_true(forward->begin >=
                            leaves(in, false, (p - 1) % in->stage_count, m, (p - 1) / in->stage_count));
            if (p < parts - 1)
                assert_true(backward->begin >=
                            leaves(in, true, (p + 1) % in->stage_count, m, (p + 1) / in->stage_count));
            else
                assert_true(backward->begin >= forward->end);
            for (int sending = 0; sending < 2; sending++) {
                double seconds = sending ? in->stages[stage].send_backward_s : in->stages[stage].send_forward_s;
                bool sends = in->stage_count > 1 && (sending ? p > 0 : p < parts - 1) && seconds > 0;
                const struct span *span =
                    span_of(in, sending ? SC_STEP_SEND_BACKWARD : SC_STEP_SEND_FORWARD, stage, m, chunk);
                assert_int_equal(span->count, sends);
                if (sends)
                    assert_near(span->end - span->begin + 1, seconds + 1);
            }
        }
}

static void check_memory(const struct sc_timeline *t)
{
    for (int i = 0; i < t->input.stage_count; i++) {
        const struct sc_timeline_stage *s = &t->stages[i];
        const struct sc_schedule_stage *given = &t->input.stages[i];
        double peak = given->static_bytes;
        assert_true(s->steps[0].time == 0);
        for (int k = 0; k < s->step_count; k++) {
            const struct sc_timeline_step *step = &s->steps[k];
            assert_true(step->bytes >= given->static_bytes && step->in_flight >= 0);
            assert_true(step->in_flight <= s->peak_in_flight && step->bytes <= s->peak_bytes);
            assert_true(k == 0 || step->time > s->steps[k - 1].time);
            peak = fmax(peak, step->bytes);
        }
        assert_true(s->steps[s->step_count - 1].bytes == given->static_bytes);
        assert_true(s->steps[s->step_count - 1].in_flight == 0);
        assert_near(s->peak_bytes,
                    given->static_bytes + given->activation_bytes * s->peak_in_flight + given->working_bytes);
        assert_true(s->peak_bytes == peak);
    }
}

/* No stage can be quicker than its own work, nor the chain of one microbatch; nor can all wait at once. */
static void check_bounds(const struct sc_timeline *t)
{
    double chain = 0, busy = 0;
    for (int i = 0; i < t->input.stage_count; i++) {
        assert_true(t->iteration_s >= t->stages[i].busy_s * (1 - 1e-12));
        chain += t->input.stages[i].forward_s + t->input.stages[i].backward_s;
        busy += t->stages[i].busy_s;
    }
    assert_true(t->iteration_s >= chain * (1 - 1e-12));
    assert_true(t->iteration_s <= busy * (1 + 1e-12));
    assert_near(1 - t->bubble, busy / (t->input.stage_count * t->iteration_s));
}

static struct sc_schedule_input random_input(uint64_t *seed)
{
    struct sc_schedule_input in = {.schedule = (enum sc_schedule)sc_random_below(seed, SC_SCHEDULE_COUNT),
                                   .stage_count = 1 + (int)sc_random_below(seed, 8),
                                   .microbatches = 1 + (int)sc_random_below(seed, 20),
                                   .chunks = 1,
                                   .stages = stages};
    bool sends = sc_random_below(seed, 2), once = sc_random_below(seed, 2);
    if (in.schedule == SC_SCHEDULE_INTERLEAVED) {
        in.chunks = 1 + (int)sc_random_below(seed, 4);
        in.microbatches = in.stage_count * (1 + (int)sc_random_below(seed, 4));
    }
    for (int i = 0; i < in.stage_count; i++)
        stages[i] = (struct sc_schedule_stage){0.1 + sc_random_unit(seed),
                                               0.1 + 2 * sc_random_unit(seed),
                                               once ? 3 * sc_random_unit(seed) : 0,
                                               sends ? 0.3 * sc_random_unit(seed) : 0,
                                               sends ? 0.3 * sc_random_unit(seed) : 0,
                                               100 * sc_random_unit(seed),
                                               10 * sc_random_unit(seed),
                                               5 * sc_random_unit(seed)};
    return in;
}

static void test_any_timeline(void **state)
{
    uint64_t seed = 11;
    (void)state;
    spans = calloc((size_t)SC_STEP_COUNT * 8 * 32 * 4, sizeof *spans);
    assert_non_null(spans);
    for (int instance = 0; instance < 2000; instance++) {
        struct sc_schedule_input in = random_input(&seed);
        struct sc_timeline *t = simulate(&in);
        collect_spans(t);
        check_dependencies(t);
        check_memory(t);
        check_bounds(t);
        sc_timeline_free(t);
    }
    free(spans);
}

/* ---- stepping --------------------------------------------------------------------------------------- */

/* The state at any time by reading all events, and every time reached by steps both ways. */
static void check_state(const struct sc_timeline *t, double time, int stage)
{
    const struct sc_timeline_stage *s = &t->stages[stage];
    const struct sc_timeline_event *now = NULL, *next = NULL;
    struct sc_timeline_state state = sc_timeline_state(t, time, stage);
    double bytes = s->steps[0].bytes;
    for (int e = s->event_count; e-- > 0;)
        if (s->events[e].begin <= time && time < s->events[e].end)
            now = &s->events[e];
        else if (s->events[e].begin > time)
            next = &s->events[e];
    for (int k = 0; k < s->step_count && s->steps[k].time <= time; k++)
        bytes = s->steps[k].bytes;
    assert_ptr_equal(state.now, now);
    assert_ptr_equal(state.next, next);
    assert_true(state.bytes == bytes);
    assert_int_equal(state.waits_for >= 0, !now && next && (stage > 0 || time >= 0));
}

static void test_stepping(void **state)
{
    uint64_t seed = 5;
    (void)state;
    for (int instance = 0; instance < 60; instance++) {
        struct sc_schedule_input in = random_input(&seed);
        struct sc_timeline *t = simulate(&in);
        int forward = 0, back = 0;
        double time = -1;
        for (double next; isfinite(next = sc_timeline_next(t, time)); forward++) {
            assert_true(next > time);
            for (int i = 0; i < in.stage_count; i++) {
                check_state(t, next, i);
                check_state(t, time + (next - time) / 2, i);
            }
            time = next;
        }
        assert_true(time == t->iteration_s);
        for (double previous; isfinite(previous = sc_timeline_previous(t, time)); back++) {
            assert_true(previous < time);
            time = previous;
        }
        assert_true(time == 0);
        assert_int_equal(forward, back + 1);
        sc_timeline_free(t);
    }
}

/* ---- explaining ------------------------------------------------------------------------------------- */

static void test_every_difference_is_explained(void **state)
{
    uint64_t seed = 17;
    int differ = 0;
    (void)state;
    for (int instance = 0; instance < 300; instance++) {
        struct sc_schedule_input in = random_input(&seed);
        struct sc_timeline *t = simulate(&in);
        struct sc_str text = {0};
        assert_int_equal(sc_timeline_explain(t, NULL, &text, NULL), SC_OK);
        bool far = fabs(t->iteration_s - t->formula_s) > 1e-3 * t->formula_s;
        assert_int_equal(text.length > 0, far);
        if (far) { /* a head and at least one cause */
            assert_non_null(strchr(sc_str_text(&text), '\n'));
            assert_true(strchr(sc_str_text(&text), '\n')[1] != '\0');
        }
        differ += far;
        sc_str_free(&text);
        sc_timeline_free(t);
    }
    assert_true(differ > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula_is_exact_for_equal_stages),
        cmocka_unit_test(test_in_flight),
        cmocka_unit_test(test_interleaving_divides_the_bubble),
        cmocka_unit_test(test_any_timeline),
        cmocka_unit_test(test_stepping),
        cmocka_unit_test(test_every_difference_is_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
