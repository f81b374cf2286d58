/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Schedules and timelines, read back: they follow their schemas, every send is received, sums are the plan's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "plans.h"
#include "schema.h"
#include "support/near.h"

static int count_of(const struct sc_json *list, const char *key, const char *value)
{
    int count = 0;
    for (const struct sc_json *item = sc_json_first(list); item; item = sc_json_next(item)) {
        const struct sc_json *member = sc_json_get(item, key);
        count += member && sc_json_type(member) == SC_JSON_STRING && strcmp(sc_json_string(member), value) == 0;
    }
    return count;
}

static bool holds(const struct sc_json *list, int value)
{
    for (const struct sc_json *item = sc_json_first(list); item; item = sc_json_next(item))
        if (sc_json_number(item) == value)
            return true;
    return false;
}

static double bytes_of(const struct sc_json *list)
{
    double sum = 0;
    for (const struct sc_json *item = sc_json_first(list); item; item = sc_json_next(item))
        sum += number_of(item, "bytes");
    return sum;
}

/* Every tensor that a stage sends is in the list of those that receive it, and the other way round. */
static void check_tensors(const struct sc_json *stages)
{
    int sent = 0, received = 0;
    for (const struct sc_json *stage = sc_json_first(stages); stage; stage = sc_json_next(stage)) {
        const struct sc_json *sends = sc_json_get(stage, "sends");
        received += (int)sc_json_count(sc_json_get(stage, "receives"));
        for (const struct sc_json *t = sc_json_first(sends); t; t = sc_json_next(t)) {
            const struct sc_json *to = sc_json_get(t, "to");
            sent += (int)sc_json_count(to);
            for (const struct sc_json *s = sc_json_first(to); s; s = sc_json_next(s)) {
                const struct sc_json *list = sc_json_get(item_of(stages, (int)sc_json_number(s)), "receives");
                assert_int_equal(count_of(list, "tensor", text_of(t, "tensor")), 1);
            }
        }
    }
    assert_true(sent > 0);
    assert_int_equal(sent, received);
}

/* The instructions are those of the library, and what they send adds up to what the plan pays for. */
static void check_instructions(const struct sc_plan *plan, int stage, const struct sc_json *json,
                               enum sc_schedule schedule)
{
    const struct sc_json *list = sc_json_get(json, "instructions"), *item = sc_json_first(list);
    const struct sc_transfer *transfer = &plan->stages[stage].transfer;
    int microbatches = plan->costs->options.microbatches, count;
    struct sc_instruction *wanted;
    double out = 0, in = 0;
    assert_int_equal(
        sc_schedule_instructions(schedule, plan->stage_count, microbatches, 1, stage, &wanted, &count, NULL), SC_OK);
    assert_int_equal(sc_json_count(list), count);
    for (int i = 0; i < count; i++, item = sc_json_next(item)) {
        const char *what = text_of(item, "do");
        assert_string_equal(what, sc_step_name(wanted[i].kind));
        if (wanted[i].kind != SC_STEP_ONCE)
            assert_true(number_of(item, "microbatch") == wanted[i].microbatch);
        if (wanted[i].kind == SC_STEP_SEND_FORWARD)
            out += number_of(item, "bytes");
        if (wanted[i].kind == SC_STEP_RECEIVE_FORWARD)
            in += number_of(item, "bytes");
    }
    sc_free(wanted);
    assert_near(out, transfer->out_bytes * microbatches);
    assert_near(in, transfer->in_bytes * microbatches);
    assert_near(bytes_of(sc_json_get(json, "sends")), transfer->out_bytes);
    assert_near(bytes_of(sc_json_get(json, "receives")), transfer->in_bytes);
}

static void check_schedule(const struct sc_plan *plan, const char *format, enum sc_schedule schedule)
{
    struct sc_json_doc *doc = plan_json(plan, format);
    const struct sc_json *root = sc_json_root(doc), *stages = sc_json_get(root, "stages");
    int devices = 0;
    schema_check("schedule.schema.json", root);
    assert_string_equal(text_of(root, "schedule"), sc_schedule_name(schedule));
    assert_int_equal(sc_json_count(stages), plan->stage_count);
    for (int i = 0; i < plan->stage_count; i++) {
        const struct sc_json *stage = item_of(stages, i);
        const struct sc_plan_stage *s = &plan->stages[i];
        assert_int_equal(sc_json_count(sc_json_get(stage, "layers")), s->last_layer - s->first_layer + 1);
        assert_int_equal(sc_json_count(sc_json_get(stage, "devices")), s->hosts * s->devices);
        assert_true(holds(sc_json_get(stage, "devices"), s->first_device));
        assert_near(number_of(stage, "once_s"), s->once_s);
        check_instructions(plan, i, stage, schedule);
        devices += s->hosts * s->devices;
    }
    assert_int_equal(sc_json_count(sc_json_get(root, "devices")), devices);
    check_tensors(stages);
    sc_json_doc_free(doc);
}

static void schedule_of_gpt(void **state)
{
    (void)state;
    struct sc_plan *plan = plan_gpt();
    check_schedule(plan, "schedule", SC_SCHEDULE_1F1B);
    check_schedule(plan, "schedule:gpipe", SC_SCHEDULE_GPIPE);
    struct sc_json_doc *doc = plan_json(plan, "schedule");
    /* The third device of a 2x2 mesh: the last axis is the fastest. */
    int third = plan->stages[1].first_device + 2;
    const struct sc_json *device = item_of(sc_json_get(sc_json_root(doc), "devices"), third);
    assert_true(number_of(device, "device") == third && number_of(device, "stage") == 1);
    assert_true(sc_json_number(item_of(sc_json_get(device, "coordinates"), 0)) == 1);
    assert_true(sc_json_number(item_of(sc_json_get(device, "coordinates"), 1)) == 0);
    sc_json_doc_free(doc);
    sc_plan_free(plan);
}

/* A tensor that several stages read is sent by the stage that made it to all of them. */
static void schedule_of_t5(void **state)
{
    (void)state;
    struct sc_plan *plan = plan_t5();
    check_schedule(plan, "schedule", SC_SCHEDULE_1F1B);
    struct sc_json_doc *doc = plan_json(plan, "schedule");
    const struct sc_json *stages = sc_json_get(sc_json_root(doc), "stages");
    size_t most = 0;
    for (const struct sc_json *stage = sc_json_first(stages); stage; stage = sc_json_next(stage))
        for (const struct sc_json *t = sc_json_first(sc_json_get(stage, "sends")); t; t = sc_json_next(t))
            most = sc_json_count(sc_json_get(t, "to")) > most ? sc_json_count(sc_json_get(t, "to")) : most;
    assert_true(most >= 2);
    sc_json_doc_free(doc);
    sc_plan_free(plan);
}

/* Nothing goes back without training. */
static void inference_has_no_backward(void **state)
{
    (void)state;
    struct sc_plan *plan = plan_make("gpt-125m", (const char *const[]){"set layers=6", "batch 64", "microbatches 8",
                                                                       "stages 2", "mode prefill", NULL});
    struct sc_json_doc *doc = plan_json(plan, "schedule"), *trace = plan_json(plan, "trace");
    const struct sc_json *list = sc_json_get(item_of(sc_json_get(sc_json_root(doc), "stages"), 0), "instructions");
    const struct sc_json *events = sc_json_get(sc_json_root(trace), "traceEvents");
    assert_int_equal(sc_json_count(list), 2 * 8);
    assert_int_equal(count_of(events, "cat", "forward"), 2 * 8);
    assert_int_equal(count_of(events, "cat", "backward"), 0);
    schema_check("schedule.schema.json", sc_json_root(doc));
    schema_check("trace.schema.json", sc_json_root(trace));
    sc_json_doc_free(doc);
    sc_json_doc_free(trace);
    sc_plan_free(plan);
}

/* ---- timelines ---- */

/* Complete events of a stage do not overlap; they add up to the time that it is busy. Returns the last end, in µs. */
static double check_thread(const struct sc_json *events, int stage, const struct sc_timeline_stage *wanted)
{
    double end = 0, busy = 0;
    int count = 0;
    for (const struct sc_json *e = sc_json_first(events); e; e = sc_json_next(e)) {
        if (strcmp(text_of(e, "ph"), "X") != 0 || number_of(e, "tid") != stage)
            continue;
        assert_true(number_of(e, "ts") >= end - 1e-3);
        end = number_of(e, "ts") + number_of(e, "dur");
        busy += number_of(e, "dur");
        count++;
    }
    assert_int_equal(count, wanted->event_count);
    assert_near(busy, wanted->busy_s * 1e6);
    return end;
}

static void check_counter(const struct sc_json *events, int stage, const struct sc_timeline_stage *wanted)
{
    char name[64];
    double peak = 0;
    int count = 0;
    snprintf(name, sizeof name, "memory of a device, stage %d", stage);
    for (const struct sc_json *e = sc_json_first(events); e; e = sc_json_next(e)) {
        if (strcmp(text_of(e, "ph"), "C") != 0 || strcmp(text_of(e, "name"), name) != 0)
            continue;
        peak = fmax(peak, number_of(sc_json_get(e, "args"), "bytes"));
        count++;
    }
    assert_int_equal(count, wanted->step_count);
    assert_near(peak, wanted->peak_bytes);
}

static void check_trace(const struct sc_plan *plan, const char *format, enum sc_schedule schedule, int chunks)
{
    struct sc_json_doc *doc = plan_json(plan, format);
    const struct sc_json *root = sc_json_root(doc), *events = sc_json_get(root, "traceEvents");
    struct sc_schedule_input input;
    struct sc_timeline *timeline;
    double end = 0;
    schema_check("trace.schema.json", root);
    assert_int_equal(sc_plan_schedule_input(plan, schedule, chunks, &input, NULL), SC_OK);
    assert_int_equal(sc_timeline_simulate(&input, NULL, &timeline, NULL), SC_OK);
    for (int i = 0; i < plan->stage_count; i++) {
        end = fmax(end, check_thread(events, i, &timeline->stages[i]));
        check_counter(events, i, &timeline->stages[i]);
    }
    assert_int_equal(count_of(events, "name", "thread_name"), plan->stage_count);
    assert_int_equal(count_of(events, "cat", "forward"), plan->stage_count * input.microbatches * chunks);
    assert_near(end, timeline->iteration_s * 1e6);
    assert_near(number_of(sc_json_get(root, "otherData"), "iteration_s"), timeline->iteration_s);
    sc_timeline_free(timeline);
    sc_free((void *)(uintptr_t)input.stages);
    sc_json_doc_free(doc);
}

static void timelines(void **state)
{
    (void)state;
    struct sc_plan *gpt = plan_gpt(), *mlp = plan_mlp();
    check_trace(gpt, "trace", SC_SCHEDULE_1F1B, 1);
    check_trace(gpt, "trace:1f1b", SC_SCHEDULE_1F1B, 1);
    check_trace(gpt, "trace:gpipe", SC_SCHEDULE_GPIPE, 1);
    check_trace(mlp, "trace", SC_SCHEDULE_1F1B, 1);
    check_trace(mlp, "trace:interleaved", SC_SCHEDULE_INTERLEAVED, 2);
    sc_plan_free(gpt);
    sc_plan_free(mlp);
}

static void check_ring(const struct sc_plan *plan, const char *format)
{
    struct sc_json_doc *doc = plan_json(plan, format);
    const struct sc_json *root = sc_json_root(doc), *stages = sc_json_get(root, "stages");
    schema_check("schedule.schema.json", root);
    assert_true(number_of(root, "chunks") == 3);
    for (int i = 0; i < 2; i++) {
        const struct sc_json *list = sc_json_get(item_of(stages, i), "instructions");
        assert_int_equal(count_of(list, "do", "forward"), 8 * 3);
        for (const struct sc_json *one = sc_json_first(list); one; one = sc_json_next(one)) {
            const struct sc_json *to = sc_json_get(one, "to");
            assert_null(sc_json_get(one, "bytes"));
            if (to)
                assert_true(sc_json_count(to) == 1 && holds(to, 1 - i));
        }
    }
    sc_json_doc_free(doc);
}

/* Asked for, or the plan's own. */
static void interleaved_chunks_go_round(void **state)
{
    (void)state;
    struct sc_plan *plain =
        plan_make("gpt-125m", (const char *const[]){"set layers=6", "batch 64", "microbatches 8", "stages 2", NULL});
    struct sc_plan *own =
        plan_make("gpt-125m", (const char *const[]){"set layers=6", "batch 64", "microbatches 8", "stages 2",
                                                    "schedule interleaved", "chunks 3", NULL});
    check_ring(plain, "schedule:interleaved:3");
    check_ring(own, "schedule");
    check_trace(own, "trace", SC_SCHEDULE_INTERLEAVED, 3);
    sc_plan_free(plain);
    sc_plan_free(own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schedule_of_gpt),
        cmocka_unit_test(schedule_of_t5),
        cmocka_unit_test(interleaved_chunks_go_round),
        cmocka_unit_test(inference_has_no_backward),
        cmocka_unit_test(timelines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
