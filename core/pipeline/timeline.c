/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Reading a timeline: what happens at a time, and why it is not what the formula says.
 */
#include <math.h>
#include <string.h>

#include "pipeline/pipeline.h"

/* ---- stepping --------------------------------------------------------------------------------------- */

/* The first event of the stage that ends after `time`; event_count when there is none. */
static int find_event(const struct sc_timeline_stage *stage, double time)
{
    int low = 0, high = stage->event_count;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (stage->events[middle].end > time)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* The last step that began at `time` or before; the first when none did. */
static const struct sc_timeline_step *find_step(const struct sc_timeline_stage *stage, double time)
{
    int low = 0, high = stage->step_count - 1;
    while (low < high) {
        int middle = high - (high - low) / 2;
        if (stage->steps[middle].time <= time)
            low = middle;
        else
            high = middle - 1;
    }
    return &stage->steps[low];
}

struct sc_timeline_state sc_timeline_state(const struct sc_timeline *timeline, double time, int stage)
{
    const struct sc_timeline_stage *s = &timeline->stages[stage];
    const struct sc_timeline_step *step = find_step(s, time);
    struct sc_timeline_state state = {.waits_for = -1, .bytes = step->bytes, .in_flight = step->in_flight};
    int last = timeline->input.stage_count - 1, e = find_event(s, time);
    if (e < s->event_count && s->events[e].begin <= time)
        state.now = &s->events[e++];
    if (e < s->event_count)
        state.next = &s->events[e];
    if (state.now || !state.next || last == 0)
        return state;
    struct sc_instruction what = state.next->what;
    if (what.kind == SC_STEP_FORWARD && (stage > 0 || what.chunk > 0))
        state.waits_for = stage > 0 ? stage - 1 : last;
    else if (what.kind == SC_STEP_BACKWARD)
        state.waits_for = stage < last ? stage + 1 : 0;
    return state;
}

/* Times nearer than this are one: stages add the same seconds up in different orders. */
static double grain(const struct sc_timeline *timeline)
{
    return timeline->iteration_s * 1e-12;
}

/* The least time of a stage that is greater than `time`. */
static double next_of(const struct sc_timeline_stage *s, double time)
{
    int e = find_event(s, time);
    if (e == s->event_count)
        return INFINITY;
    return s->events[e].begin > time ? s->events[e].begin : s->events[e].end;
}

/* The greatest time of a stage that is at most `time`. */
static double previous_of(const struct sc_timeline_stage *s, double time)
{
    int e = find_event(s, time);
    if (e < s->event_count && s->events[e].begin <= time)
        return s->events[e].begin;
    return e > 0 ? s->events[e - 1].end : -INFINITY;
}

double sc_timeline_next(const struct sc_timeline *timeline, double time)
{
    double first = INFINITY, last = -INFINITY;
    for (int i = 0; i < timeline->input.stage_count; i++)
        first = fmin(first, next_of(&timeline->stages[i], time + grain(timeline)));
    for (int i = 0; i < timeline->input.stage_count && isfinite(first); i++)
        last = fmax(last, previous_of(&timeline->stages[i], first + grain(timeline)));
    return isfinite(first) ? last : INFINITY;
}

double sc_timeline_previous(const struct sc_timeline *timeline, double time)
{
    double last = -INFINITY, before = nextafter(time - grain(timeline), -INFINITY);
    for (int i = 0; i < timeline->input.stage_count; i++)
        last = fmax(last, previous_of(&timeline->stages[i], before));
    return last;
}

/* ---- why not the formula ---------------------------------------------------------------------------- */

/* The same stages without work once an iteration, without sends, or without both. */
static enum sc_status simulate_without(const struct sc_timeline *timeline, bool once, bool sends,
                                       struct sc_cancel *cancel, struct sc_timeline **out, struct sc_error *err)
{
    struct sc_schedule_input input = timeline->input;
    size_t count = (size_t)input.stage_count;
    struct sc_schedule_stage *stages = sc_calloc(count, sizeof *stages);
    if (!stages)
        return sc_fail(err, SC_NO_MEMORY, "no memory to explain a schedule");
    memcpy(stages, input.stages, count * sizeof *stages);
    for (size_t i = 0; i < count; i++) {
        stages[i].once_s = once ? 0 : stages[i].once_s;
        stages[i].send_forward_s = sends ? 0 : stages[i].send_forward_s;
        stages[i].send_backward_s = sends ? 0 : stages[i].send_backward_s;
    }
    input.stages = stages;
    enum sc_status status = sc_timeline_simulate(&input, cancel, out, err);
    sc_free(stages);
    return status;
}

struct seconds {
    char text[32];
};
static struct seconds seconds_text(double seconds)
{
    struct seconds s;
    sc_format_seconds(fabs(seconds), s.text, sizeof s.text);
    return s;
}

static const char *more_or_less(double seconds)
{
    return seconds > 0 ? "more" : "less";
}

static double gap(const struct sc_timeline *t)
{
    return t->iteration_s - t->formula_s;
}

/* Is a part of the difference worth a sentence? */
static bool counts(const struct sc_timeline *whole, double seconds)
{
    return fabs(seconds) > 1e-4 * whole->formula_s;
}

static void explain_once(const struct sc_timeline *with, const struct sc_timeline *without, struct sc_str *out)
{
    double schedule = with->iteration_s - without->iteration_s, formula = with->formula_s - without->formula_s;
    int last = 0;
    for (int i = 0; i < with->input.stage_count; i++) {
        const struct sc_timeline_stage *s = &with->stages[i], *t = &with->stages[last];
        if (s->events[s->event_count - 1].end > t->events[t->event_count - 1].end)
            last = i;
    }
    sc_str_addf(out,
                "Work once an iteration (gradient synchronisation, optimizer) adds %s: %s %s than the formula's %s, "
                "which gives a share of it to each microbatch. Each stage does it behind its own last backward, and "
                "while others still run backwards it costs nothing; stage %d ends last, with %s of it.\n",
                seconds_text(schedule).text, seconds_text(schedule - formula).text, more_or_less(schedule - formula),
                seconds_text(formula).text, last, seconds_text(with->input.stages[last].once_s).text);
}

static void explain_sends(const struct sc_timeline *with, const struct sc_timeline *without, struct sc_str *out)
{
    double schedule = with->iteration_s - without->iteration_s, formula = with->formula_s - without->formula_s;
    sc_str_addf(out, "Sends between stages add %s: %s %s than the formula's %s, because %s.\n",
                seconds_text(schedule).text, seconds_text(schedule - formula).text, more_or_less(schedule - formula),
                seconds_text(formula).text,
                schedule < formula ? "some pass while the stages that they would hold up are busy"
                                   : "stages that wait for each other in turn wait for their sends too");
}

/* Without sends and once, the formula is B x the longest stage and the others' time beside, which the longest waits. */
static void explain_unequal(const struct sc_timeline *t, struct sc_str *out)
{
    const struct sc_schedule_stage *s = t->input.stages;
    int longest = 0, shortest = 0, forward = 0, backward = 0;
    double sum = 0;
    for (int i = 0; i < t->input.stage_count; i++) {
        double seconds = s[i].forward_s + s[i].backward_s;
        sum += seconds;
        longest = seconds > s[longest].forward_s + s[longest].backward_s ? i : longest;
        shortest = seconds < s[shortest].forward_s + s[shortest].backward_s ? i : shortest;
        forward = s[i].forward_s > s[forward].forward_s ? i : forward;
        backward = s[i].backward_s > s[backward].backward_s ? i : backward;
    }
    const struct sc_timeline_stage *pace = &t->stages[longest];
    double longest_s = s[longest].forward_s + s[longest].backward_s;
    double before = pace->events[0].begin, after = t->iteration_s - pace->events[pace->event_count - 1].end;
    double formula = (sum - longest_s) / t->input.chunks, waits = t->iteration_s - pace->busy_s;
    sc_str_addf(
        out,
        "Stages are unequal: stage %d is the longest with %s a microbatch and sets the pace, stage %d takes %s. "
        "Stage %d is idle %s (%s before its first forward, %s after its last backward, %s between): %s %s than "
        "the formula's %s, ",
        longest, seconds_text(longest_s).text, shortest,
        seconds_text(s[shortest].forward_s + s[shortest].backward_s).text, longest, seconds_text(waits).text,
        seconds_text(before).text, seconds_text(after).text, seconds_text(fmax(0, waits - before - after)).text,
        seconds_text(waits - formula).text, more_or_less(waits - formula), seconds_text(formula).text);
    if (waits < formula)
        sc_str_add(out, "because work of other stages that the formula adds up passes while it is busy.\n");
    else if (t->input.schedule == SC_SCHEDULE_GPIPE && forward != backward)
        sc_str_addf(
            out, "because the pace of forwards is set by stage %d (%s) and the pace of backwards by stage %d (%s).\n",
            forward, seconds_text(s[forward].forward_s).text, backward, seconds_text(s[backward].backward_s).text);
    else
        sc_str_add(out, "because the order of forwards and backwards makes stages wait for each other in turn.\n");
}

static void explain(const struct sc_timeline *whole, const struct sc_timeline *no_once, const struct sc_timeline *bare,
                    struct sc_str *out)
{
    sc_str_addf(out, "The schedule takes %s, %.2g %% (%s) %s than the formula's %s.\n",
                seconds_text(whole->iteration_s).text, fabs(gap(whole)) / whole->formula_s * 100,
                seconds_text(gap(whole)).text, more_or_less(gap(whole)), seconds_text(whole->formula_s).text);
    if (counts(whole, gap(bare)))
        explain_unequal(bare, out);
    if (counts(whole, gap(no_once) - gap(bare)))
        explain_sends(no_once, bare, out);
    if (counts(whole, gap(whole) - gap(no_once)))
        explain_once(whole, no_once, out);
}

enum sc_status sc_timeline_explain(const struct sc_timeline *timeline, struct sc_cancel *cancel, struct sc_str *out,
                                   struct sc_error *err)
{
    struct sc_timeline *no_once = NULL, *bare = NULL;
    if (fabs(gap(timeline)) <= 1e-3 * timeline->formula_s)
        return SC_OK;
    enum sc_status status = simulate_without(timeline, true, false, cancel, &no_once, err);
    if (status == SC_OK)
        status = simulate_without(timeline, true, true, cancel, &bare, err);
    if (no_once && bare)
        explain(timeline, no_once, bare, out);
    sc_timeline_free(no_once);
    sc_timeline_free(bare);
    return status == SC_OK && out->failed ? sc_fail(err, SC_NO_MEMORY, "no memory to explain a schedule") : status;
}
