/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Schedules: the order in which a stage takes its forwards and backwards, as instructions, and what follows from the
 * order alone. A schedule is a number of forwards that a stage does before its first backward (the warm-up) and two
 * orders: of forwards, and of backwards.
 */
#include <stdio.h>
#include <string.h>

#include "pipeline/pipeline.h"

/* Forwards and backwards of all stages together. */
static const int64_t most_work = 1 << 21;

static const struct {
    const char *name, *help;
} schedules[] = {
#define X(id, name, help) {name, help},
    SC_SCHEDULE_MAP(X)
#undef X
};

static const char *const step_names[] = {
#define X(id, name) name,
    SC_STEP_MAP(X)
#undef X
};

const char *sc_schedule_name(enum sc_schedule schedule)
{
    return schedules[schedule].name;
}

const char *sc_schedule_help(enum sc_schedule schedule)
{
    return schedules[schedule].help;
}

bool sc_schedule_find(const char *name, enum sc_schedule *out)
{
    for (int i = 0; i < SC_SCHEDULE_COUNT; i++)
        if (strcmp(schedules[i].name, name) == 0) {
            *out = (enum sc_schedule)i;
            return true;
        }
    return false;
}

const char *sc_step_name(enum sc_step_kind kind)
{
    return step_names[kind];
}

enum sc_status sc_schedule_check(enum sc_schedule schedule, int stages, int microbatches, int chunks,
                                 struct sc_error *err)
{
    if (stages < 1 || microbatches < 1 || chunks < 1)
        return sc_fail(err, SC_INPUT, "%d stages, %d microbatches and %d chunks; at least one of each is needed",
                       stages, microbatches, chunks);
    if (schedule != SC_SCHEDULE_INTERLEAVED && chunks != 1)
        return sc_fail(err, SC_INPUT, "%s takes a stage's layers as one chunk, not %d; interleaved takes several",
                       sc_schedule_name(schedule), chunks);
    if (chunks > 1 && microbatches % stages != 0)
        return sc_fail(err, SC_INPUT,
                       "interleaved microbatches come in groups of as many as stages; %d are no multiple of %d",
                       microbatches, stages);
    int64_t work;
    if (__builtin_mul_overflow(2 * (int64_t)stages * microbatches, (int64_t)chunks, &work) || work > most_work)
        return sc_fail(err, SC_LIMIT,
                       "%d stages x %d microbatches x %d chunks are more than %lld forwards and backwards", stages,
                       microbatches, chunks, (long long)most_work);
    return SC_OK;
}

/* Forwards before the first forward that a backward follows at once, in chunks; `total` are all. */
static int warm_up(enum sc_schedule schedule, int stages, int chunks, int stage, int total)
{
    int behind = stages - 1 - stage;
    int64_t count = behind;
    if (schedule == SC_SCHEDULE_GPIPE)
        count = total;
    else if (chunks > 1)
        count = 2 * (int64_t)behind + (int64_t)(chunks - 1) * stages;
    return count < total ? (int)count : total;
}

double sc_schedule_in_flight(enum sc_schedule schedule, int stages, int microbatches, int chunks, int stage)
{
    int total = microbatches * chunks, first = warm_up(schedule, stages, chunks, stage, total);
    return (double)(first < total ? first + 1 : total) / chunks;
}

/* How often a stage sends a microbatch on, forward and backward: behind its last chunk there may be no stage. */
static double send_seconds(const struct sc_schedule_input *input, int stage)
{
    const struct sc_schedule_stage *s = &input->stages[stage];
    int forward = input->chunks - (stage == input->stage_count - 1), backward = input->chunks - (stage == 0);
    return input->stage_count == 1 ? 0 : forward * s->send_forward_s + backward * s->send_backward_s;
}

double sc_schedule_latency(const struct sc_schedule_input *input)
{
    double sum = 0, longest = 0;
    for (int i = 0; i < input->stage_count; i++) {
        const struct sc_schedule_stage *s = &input->stages[i];
        double t = s->forward_s + s->backward_s + send_seconds(input, i) + s->once_s / input->microbatches;
        sum += t;
        longest = t > longest ? t : longest;
    }
    return sum / input->chunks + (input->microbatches - 1.0 / input->chunks) * longest;
}

/* ---- instructions ----------------------------------------------------------------------------------- */

struct writer {
    enum sc_schedule schedule;
    int stages, microbatches, chunks, stage;
    struct sc_instruction *out;
    int count;
};

static void put(struct writer *w, enum sc_step_kind kind, int microbatch, int chunk)
{
    w->out[w->count++] = (struct sc_instruction){kind, microbatch, chunk};
}

/* Chunks take turns after as many microbatches as there are stages: the first group through chunk 0, then through chunk
 * 1 …, then the next group (arXiv 2104.04473, figure 4). */
static void place(const struct writer *w, int k, int *microbatch, int *chunk)
{
    int group = w->stages * w->chunks;
    *microbatch = w->chunks == 1 ? k : k / group * w->stages + k % w->stages;
    *chunk = w->chunks == 1 ? 0 : k % group / w->stages;
}

static void put_forward(struct writer *w, int k)
{
    int microbatch, chunk;
    place(w, k, &microbatch, &chunk);
    if (w->stages > 1 && (w->stage > 0 || chunk > 0))
        put(w, SC_STEP_RECEIVE_FORWARD, microbatch, chunk);
    put(w, SC_STEP_FORWARD, microbatch, chunk);
    if (w->stages > 1 && (w->stage < w->stages - 1 || chunk < w->chunks - 1))
        put(w, SC_STEP_SEND_FORWARD, microbatch, chunk);
}

/* Backwards go in the order of forwards but from the last chunk to the first; GPipe begins with the last microbatch
 * (arXiv 1811.06965, figure 2). */
static void put_backward(struct writer *w, int k)
{
    int microbatch, chunk;
    place(w, w->schedule == SC_SCHEDULE_GPIPE ? w->microbatches - 1 - k : k, &microbatch, &chunk);
    chunk = w->chunks - 1 - chunk;
    if (w->stages > 1 && (w->stage < w->stages - 1 || chunk < w->chunks - 1))
        put(w, SC_STEP_RECEIVE_BACKWARD, microbatch, chunk);
    put(w, SC_STEP_BACKWARD, microbatch, chunk);
    if (w->stages > 1 && (w->stage > 0 || chunk > 0))
        put(w, SC_STEP_SEND_BACKWARD, microbatch, chunk);
}

enum sc_status sc_schedule_instructions(enum sc_schedule schedule, int stages, int microbatches, int chunks, int stage,
                                        struct sc_instruction **out, int *count, struct sc_error *err)
{
    enum sc_status status = sc_schedule_check(schedule, stages, microbatches, chunks, err);
    *out = NULL;
    *count = 0;
    if (status == SC_OK && (stage < 0 || stage >= stages))
        status = sc_fail(err, SC_INPUT, "there is no stage %d of %d", stage, stages);
    if (status != SC_OK)
        return status;
    int total = microbatches * chunks, first = warm_up(schedule, stages, chunks, stage, total);
    struct writer w = {.schedule = schedule, .stages = stages, .microbatches = microbatches, .chunks = chunks};
    w.stage = stage;
    w.out = sc_calloc(6 * (size_t)total + 1, sizeof *w.out);
    if (!w.out)
        return sc_fail(err, SC_NO_MEMORY, "no memory for the instructions of a stage");
    for (int k = 0; k < first; k++)
        put_forward(&w, k);
    for (int k = first; k < total; k++) {
        put_forward(&w, k);
        put_backward(&w, k - first);
    }
    for (int k = total - first; k < total; k++)
        put_backward(&w, k);
    put(&w, SC_STEP_ONCE, 0, 0);
    *out = w.out;
    *count = w.count;
    return SC_OK;
}

void sc_instruction_text(struct sc_instruction instruction, int chunks, char *out, size_t size)
{
    const char *name = sc_step_name(instruction.kind);
    if (instruction.kind == SC_STEP_ONCE)
        snprintf(out, size, "%s", name);
    else if (chunks > 1)
        snprintf(out, size, "%s %d chunk %d", name, instruction.microbatch, instruction.chunk);
    else
        snprintf(out, size, "%s %d", name, instruction.microbatch);
}
