/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * trace: the simulated timeline as trace events (Google, "Trace Event Format"), which Perfetto and chrome://tracing
 * open: a thread a stage, a complete event a step, a counter a stage for what a device holds. Times are in
 * microseconds.
 */
#include <stdio.h>

#include "export/internal.h"

enum { PROCESS = 1, CHECK_EVERY = 4096 };

static void open_event(struct sc_json_writer *w, const char *phase, const char *name, int stage)
{
    sc_json_open_object(w, NULL, true);
    sc_json_put_string(w, "ph", phase);
    sc_json_put_string(w, "name", name);
    sc_json_put_int(w, "pid", PROCESS);
    if (stage >= 0)
        sc_json_put_int(w, "tid", stage);
}

/* A name for the process (stage -1) or a thread, and the thread's place. */
static void put_name(struct sc_json_writer *w, const char *what, int stage, const char *name)
{
    open_event(w, "M", what, stage);
    sc_json_open_object(w, "args", true);
    sc_json_put_string(w, "name", name);
    sc_json_close(w);
    sc_json_close(w);
    if (stage < 0)
        return;
    open_event(w, "M", "thread_sort_index", stage);
    sc_json_open_object(w, "args", true);
    sc_json_put_int(w, "sort_index", stage);
    sc_json_close(w);
    sc_json_close(w);
}

static void put_names(struct sc_json_writer *w, const struct sc_plan *plan)
{
    const struct sc_layer *layers = plan->graph->layers;
    struct sc_str text = {0};
    sc_str_addf(&text, "%s on %s", plan->graph->name, plan->cluster->name);
    put_name(w, "process_name", -1, sc_str_text(&text));
    for (int i = 0; i < plan->stage_count; i++) {
        const struct sc_plan_stage *s = &plan->stages[i];
        w->out->failed |= text.failed;
        sc_str_clear(&text);
        sc_str_addf(&text, "stage %d: %s", i, layers[s->first_layer].name);
        if (s->last_layer > s->first_layer)
            sc_str_addf(&text, " to %s", layers[s->last_layer].name);
        sc_str_addf(&text, ", %d x %d devices", s->hosts, s->devices);
        put_name(w, "thread_name", i, sc_str_text(&text));
    }
    w->out->failed |= text.failed;
    sc_str_free(&text);
}

static void put_event(struct sc_json_writer *w, const struct sc_timeline_event *event, int chunks)
{
    char name[64];
    sc_instruction_text(event->what, chunks, name, sizeof name);
    open_event(w, "X", name, event->stage);
    sc_json_put_string(w, "cat", sc_step_name(event->what.kind));
    sc_json_put_number(w, "ts", event->begin * 1e6);
    sc_json_put_number(w, "dur", (event->end - event->begin) * 1e6);
    sc_json_open_object(w, "args", true);
    if (event->what.kind != SC_STEP_ONCE)
        sc_json_put_int(w, "microbatch", event->what.microbatch);
    if (event->what.kind != SC_STEP_ONCE && chunks > 1)
        sc_json_put_int(w, "chunk", event->what.chunk);
    sc_json_close(w);
    sc_json_close(w);
}

/* Counters belong to the process, so their names tell the stage. */
static void put_step(struct sc_json_writer *w, const struct sc_timeline_step *step, const char *name)
{
    open_event(w, "C", name, -1);
    sc_json_put_number(w, "ts", step->time * 1e6);
    sc_json_open_object(w, "args", true);
    sc_json_put_number(w, "bytes", step->bytes);
    sc_json_close(w);
    sc_json_close(w);
}

static enum sc_status put_stage(struct sc_json_writer *w, const struct sc_timeline *timeline, int stage, bool backward,
                                struct sc_cancel *cancel, struct sc_error *err)
{
    const struct sc_timeline_stage *s = &timeline->stages[stage];
    char name[64];
    snprintf(name, sizeof name, "memory of a device, stage %d", stage);
    for (int i = 0; i < s->event_count; i++) {
        if (backward || s->events[i].what.kind != SC_STEP_BACKWARD)
            put_event(w, &s->events[i], timeline->input.chunks);
        if (i % CHECK_EVERY == 0 && cancel && sc_cancelled(cancel))
            return sc_fail(err, SC_CANCELLED, "cancelled while writing a timeline");
    }
    for (int i = 0; i < s->step_count; i++)
        put_step(w, &s->steps[i], name);
    return SC_OK;
}

static enum sc_status put_trace(const struct sc_plan *plan, const struct sc_timeline *timeline,
                                struct sc_cancel *cancel, struct sc_str *out, struct sc_error *err)
{
    struct sc_json_writer w;
    enum sc_status status = SC_OK;
    sc_json_begin(&w, out);
    sc_json_open_object(&w, NULL, false);
    sc_json_put_string(&w, "displayTimeUnit", "ms");
    sc_json_open_object(&w, "otherData", false);
    sc_json_put_string(&w, "model", plan->graph->name);
    sc_json_put_string(&w, "cluster", plan->cluster->name);
    sc_json_put_string(&w, "mode", sc_mode_name(plan->settings.mode));
    sc_json_put_string(&w, "schedule", sc_schedule_name(timeline->input.schedule));
    sc_json_put_int(&w, "microbatches", timeline->input.microbatches);
    sc_json_put_number(&w, "iteration_s", timeline->iteration_s);
    sc_json_put_number(&w, "bubble", timeline->bubble);
    sc_json_close(&w);
    sc_json_open_array(&w, "traceEvents", false);
    put_names(&w, plan);
    for (int i = 0; status == SC_OK && i < timeline->input.stage_count; i++)
        status = put_stage(&w, timeline, i, plan->settings.mode == SC_TRAIN, cancel, err);
    sc_json_close(&w);
    sc_json_close(&w);
    sc_str_add(out, "\n");
    return status;
}

enum sc_status export_trace(const struct sc_plan *plan, const char *variant, struct sc_cancel *cancel,
                            struct sc_str *out, struct sc_error *err)
{
    struct sc_schedule_input input;
    struct sc_timeline *timeline;
    enum sc_status status = export_schedule_input(plan, variant, &input, err);
    if (status != SC_OK)
        return status;
    status = sc_timeline_simulate(&input, cancel, &timeline, err);
    if (status == SC_OK) {
        status = put_trace(plan, timeline, cancel, out, err);
        sc_timeline_free(timeline);
    }
    sc_free((void *)(uintptr_t)input.stages);
    return status;
}
