/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * An iteration, event by event. Sends are buffered, so a stage waits for nothing but its inputs: stages run one after
 * the other, each as far as its inputs have arrived, and a send wakes the stage that waits for it. The times do not
 * depend on the order in which stages run.
 */
#include <math.h>
#include <string.h>

#include "pipeline/pipeline.h"

/* The timeline and its memory, released together. */
struct box {
    struct sc_timeline timeline; /* first: a timeline is its box */
    struct sc_arena *arena;
};

struct runner {
    struct sc_instruction *list;
    int count, position;
    double now;
    struct sc_timeline_event *events;
    struct sc_timeline_step *steps;
    int held; /* chunks */
    bool queued;
    struct sc_timeline_stage result;
};

struct simulation {
    const struct sc_schedule_input *input;
    struct sc_cancel *cancel;
    struct runner *stages;
    double
        *arrived[2]; /* forward, backward: [(stage * microbatches + microbatch) * chunks + chunk]; below 0: not yet */
    int *queue;      /* a ring of stages that may go on */
    int queue_first, queue_count;
};

static enum sc_status out_of_memory(struct sc_error *err)
{
    sc_fail(err, SC_NO_MEMORY, "no memory for the simulation of a schedule");
    return SC_NO_MEMORY;
}

/* ---- input ------------------------------------------------------------------------------------------ */

static enum sc_status check_stages(const struct sc_schedule_input *input, struct sc_error *err)
{
    static const char *const names[] = {"forward_s",       "backward_s",   "once_s",           "send_forward_s",
                                        "send_backward_s", "static_bytes", "activation_bytes", "working_bytes"};
    for (int i = 0; i < input->stage_count; i++) {
        const struct sc_schedule_stage *s = &input->stages[i];
        const double values[] = {s->forward_s,       s->backward_s,   s->once_s,           s->send_forward_s,
                                 s->send_backward_s, s->static_bytes, s->activation_bytes, s->working_bytes};
        for (size_t k = 0; k < SC_LEN(values); k++)
            if (!isfinite(values[k]) || values[k] < 0)
                return sc_fail(err, SC_INPUT, "%s of stage %d is %g; it has to be a number of 0 or more", names[k], i,
                               values[k]);
    }
    return SC_OK;
}

/* Seconds of an instruction. */
static double duration(const struct sc_schedule_input *input, int stage, enum sc_step_kind kind)
{
    const struct sc_schedule_stage *s = &input->stages[stage];
    switch (kind) {
    case SC_STEP_FORWARD:
        return s->forward_s / input->chunks;
    case SC_STEP_BACKWARD:
        return s->backward_s / input->chunks;
    case SC_STEP_SEND_FORWARD:
        return s->send_forward_s;
    case SC_STEP_SEND_BACKWARD:
        return s->send_backward_s;
    case SC_STEP_ONCE:
        return s->once_s;
    default:
        return 0;
    }
}

static bool computes(enum sc_step_kind kind)
{
    return kind == SC_STEP_FORWARD || kind == SC_STEP_BACKWARD;
}

/* ---- preparation ------------------------------------------------------------------------------------ */

static enum sc_status prepare_stage(struct simulation *sim, struct sc_arena *arena, int stage, struct sc_error *err)
{
    const struct sc_schedule_input *in = sim->input;
    struct runner *r = &sim->stages[stage];
    size_t events = 0, computing = 0;
    enum sc_status status = sc_schedule_instructions(in->schedule, in->stage_count, in->microbatches, in->chunks, stage,
                                                     &r->list, &r->count, err);
    if (status != SC_OK)
        return status;
    for (int k = 0; k < r->count; k++) {
        computing += computes(r->list[k].kind);
        events += computes(r->list[k].kind) || duration(in, stage, r->list[k].kind) > 0;
    }
    r->events = sc_arena_calloc(arena, events + 1, sizeof *r->events);
    r->steps = sc_arena_calloc(arena, 2 * computing + 1, sizeof *r->steps);
    if (!r->events || !r->steps)
        return out_of_memory(err);
    r->steps[0].bytes = r->result.peak_bytes = in->stages[stage].static_bytes;
    r->result.step_count = 1;
    r->result.events = r->events;
    r->result.steps = r->steps;
    return SC_OK;
}

static enum sc_status prepare(struct simulation *sim, struct sc_arena *arena, struct sc_error *err)
{
    const struct sc_schedule_input *in = sim->input;
    size_t stages = (size_t)in->stage_count, inputs = stages * (size_t)in->microbatches * (size_t)in->chunks;
    enum sc_status status = SC_OK;
    sim->stages = sc_calloc(stages, sizeof *sim->stages);
    sim->queue = sc_calloc(stages, sizeof *sim->queue);
    sim->arrived[0] = sc_calloc(inputs, sizeof *sim->arrived[0]);
    sim->arrived[1] = sc_calloc(inputs, sizeof *sim->arrived[1]);
    if (!sim->stages || !sim->queue || !sim->arrived[0] || !sim->arrived[1])
        return out_of_memory(err);
    for (size_t k = 0; k < inputs; k++)
        sim->arrived[0][k] = sim->arrived[1][k] = -1;
    for (int i = 0; i < in->stage_count && status == SC_OK; i++)
        status = sc_cancelled(sim->cancel) ? sc_fail(err, SC_CANCELLED, "cancelled while simulating a schedule")
                                           : prepare_stage(sim, arena, i, err);
    return status;
}

static void release(struct simulation *sim)
{
    for (int i = 0; sim->stages && i < sim->input->stage_count; i++)
        sc_free(sim->stages[i].list);
    sc_free(sim->stages);
    sc_free(sim->queue);
    sc_free(sim->arrived[0]);
    sc_free(sim->arrived[1]);
}

/* ---- running ---------------------------------------------------------------------------------------- */

static void wake(struct simulation *sim, int stage)
{
    if (sim->stages[stage].queued)
        return;
    sim->stages[stage].queued = true;
    sim->queue[(sim->queue_first + sim->queue_count++) % sim->input->stage_count] = stage;
}

static double *arrival(const struct simulation *sim, bool backward, int stage, int microbatch, int chunk)
{
    const struct sc_schedule_input *in = sim->input;
    size_t row = (size_t)stage * (size_t)in->microbatches + (size_t)microbatch;
    return &sim->arrived[backward][row * (size_t)in->chunks + (size_t)chunk];
}

/* The tensor is at the next (or, backward, the previous) stage; behind the last stage comes the first one's next chunk.
 */
static void deliver(struct simulation *sim, int stage, struct sc_instruction what)
{
    bool backward = what.kind == SC_STEP_SEND_BACKWARD;
    int stages = sim->input->stage_count, to = stage + (backward ? -1 : 1), chunk = what.chunk;
    if (to < 0 || to == stages) {
        to = backward ? stages - 1 : 0;
        chunk += backward ? -1 : 1;
    }
    *arrival(sim, backward, to, what.microbatch, chunk) = sim->stages[stage].now;
    wake(sim, to);
}

/* From now on so much is held. A state that lasts no time leaves no step, but counts for the peak. */
static void add_step(const struct simulation *sim, int stage, double working)
{
    const struct sc_schedule_stage *s = &sim->input->stages[stage];
    struct runner *r = &sim->stages[stage];
    struct sc_timeline_stage *result = &r->result;
    double in_flight = (double)r->held / sim->input->chunks;
    struct sc_timeline_step step = {r->now, s->static_bytes + s->activation_bytes * in_flight + working, in_flight};
    result->peak_bytes = fmax(result->peak_bytes, step.bytes);
    result->peak_in_flight = fmax(result->peak_in_flight, in_flight);
    if (r->steps[result->step_count - 1].time == step.time)
        result->step_count--;
    const struct sc_timeline_step *last = &r->steps[result->step_count - (result->step_count > 0)];
    if (result->step_count == 0 || last->bytes != step.bytes || last->in_flight != step.in_flight)
        r->steps[result->step_count++] = step;
}

static void perform(struct simulation *sim, int stage, struct sc_instruction what)
{
    const struct sc_schedule_stage *s = &sim->input->stages[stage];
    struct runner *r = &sim->stages[stage];
    double seconds = duration(sim->input, stage, what.kind), begin = r->now;
    if (computes(what.kind)) {
        r->held += what.kind == SC_STEP_FORWARD;
        add_step(sim, stage, s->working_bytes);
    }
    r->now = begin + seconds;
    r->result.busy_s += seconds;
    if (computes(what.kind) || seconds > 0)
        r->events[r->result.event_count++] = (struct sc_timeline_event){begin, r->now, stage, what};
    if (computes(what.kind)) {
        r->held -= what.kind == SC_STEP_BACKWARD;
        add_step(sim, stage, 0);
    }
    if (what.kind == SC_STEP_SEND_FORWARD || what.kind == SC_STEP_SEND_BACKWARD)
        deliver(sim, stage, what);
}

/* As far as inputs have arrived. */
static void run(struct simulation *sim, int stage)
{
    struct runner *r = &sim->stages[stage];
    for (; r->position < r->count; r->position++) {
        struct sc_instruction what = r->list[r->position];
        if (what.kind == SC_STEP_RECEIVE_FORWARD || what.kind == SC_STEP_RECEIVE_BACKWARD) {
            double at = *arrival(sim, what.kind == SC_STEP_RECEIVE_BACKWARD, stage, what.microbatch, what.chunk);
            if (at < 0)
                return;
            r->now = fmax(r->now, at);
        } else {
            perform(sim, stage, what);
        }
    }
}

static enum sc_status run_all(struct simulation *sim, struct sc_error *err)
{
    uint64_t since = 0;
    for (int i = 0; i < sim->input->stage_count; i++)
        wake(sim, i);
    while (sim->queue_count > 0) {
        int stage = sim->queue[sim->queue_first], before = sim->stages[stage].position;
        sim->queue_first = (sim->queue_first + 1) % sim->input->stage_count;
        sim->queue_count--;
        sim->stages[stage].queued = false;
        run(sim, stage);
        since += 1 + (uint64_t)(sim->stages[stage].position - before);
        if (since > 10000 && sc_cancel_work(sim->cancel, since))
            return sc_fail(err, SC_CANCELLED, "cancelled while simulating a schedule");
        since = since > 10000 ? 0 : since;
    }
    for (int i = 0; i < sim->input->stage_count; i++) {
        const struct runner *r = &sim->stages[i];
        char text[64];
        if (r->position == r->count)
            continue;
        sc_instruction_text(r->list[r->position], sim->input->chunks, text, sizeof text);
        return sc_fail(err, SC_INTERNAL, "stage %d waits forever at \"%s\"", i, text);
    }
    return SC_OK;
}

/* ---- result ----------------------------------------------------------------------------------------- */

static enum sc_status collect(const struct simulation *sim, struct box *box, struct sc_error *err)
{
    const struct sc_schedule_input *in = sim->input;
    struct sc_timeline *t = &box->timeline;
    size_t stages = (size_t)in->stage_count;
    struct sc_timeline_stage *results = sc_arena_calloc(box->arena, stages, sizeof *results);
    double busy = 0;
    t->input = *in;
    t->input.stages = sc_arena_copy(box->arena, in->stages, stages * sizeof *in->stages);
    t->stages = results;
    if (!results || !t->input.stages)
        return out_of_memory(err);
    for (int i = 0; i < in->stage_count; i++) {
        results[i] = sim->stages[i].result;
        t->iteration_s = fmax(t->iteration_s, sim->stages[i].now);
        busy += results[i].busy_s;
        if (!isfinite(results[i].peak_bytes))
            return sc_fail(err, SC_INPUT, "the bytes that stage %d holds overflow", i);
    }
    t->formula_s = sc_schedule_latency(in);
    if (!isfinite(t->iteration_s) || !isfinite(t->formula_s) || !isfinite(busy))
        return sc_fail(err, SC_INPUT, "the seconds of an iteration overflow");
    if (t->iteration_s > 0)
        t->bubble = fmax(0, 1 - busy / in->stage_count / t->iteration_s);
    return SC_OK;
}

enum sc_status sc_timeline_simulate(const struct sc_schedule_input *input, struct sc_cancel *cancel,
                                    struct sc_timeline **out, struct sc_error *err)
{
    struct simulation sim = {.input = input, .cancel = cancel};
    *out = NULL;
    enum sc_status status =
        sc_schedule_check(input->schedule, input->stage_count, input->microbatches, input->chunks, err);
    if (status == SC_OK)
        status = check_stages(input, err);
    if (status != SC_OK)
        return status;
    struct box *box = sc_alloc(sizeof *box);
    if (!box)
        return out_of_memory(err);
    box->arena = sc_arena_new();
    status = box->arena ? prepare(&sim, box->arena, err) : out_of_memory(err);
    if (status == SC_OK)
        status = run_all(&sim, err);
    if (status == SC_OK)
        status = collect(&sim, box, err);
    release(&sim);
    if (status == SC_OK)
        *out = &box->timeline;
    else
        sc_timeline_free(&box->timeline);
    return status;
}

void sc_timeline_free(struct sc_timeline *timeline)
{
    struct box *box = (struct box *)timeline;
    if (!box)
        return;
    sc_arena_free(box->arena);
    sc_free(box);
}
