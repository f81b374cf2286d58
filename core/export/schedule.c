/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * schedule: what every device does, in order, for runtimes that execute a plan (samples/schema/schedule.schema.json).
 * All devices of a stage run the same list, each on its shard.
 */
#include <string.h>

#include "export/internal.h"

struct job {
    const struct sc_plan *plan;
    struct sc_schedule_input input;
    const struct export_passing *passing;
    int passing_count;
    struct sc_json_writer w;
};

static void put_shape(struct sc_json_writer *w, const struct sc_tensor *t)
{
    sc_json_open_array(w, "shape", true);
    for (int d = 0; d < t->rank; d++)
        sc_json_put_int(w, NULL, t->size[d]);
    sc_json_close(w);
}

static void put_devices(struct job *job)
{
    struct sc_json_writer *w = &job->w;
    sc_json_open_array(w, "devices", false);
    for (int i = 0; i < job->plan->stage_count; i++) {
        const struct sc_plan_stage *s = &job->plan->stages[i];
        const struct sc_axes *axes = &s->plan->costs->mesh.axes;
        for (int d = 0, count = s->hosts * s->devices; d < count; d++) {
            sc_json_open_object(w, NULL, true);
            sc_json_put_int(w, "device", s->first_device + d);
            sc_json_put_int(w, "host", (s->first_device + d) / job->plan->cluster->devices_per_host);
            sc_json_put_int(w, "stage", i);
            sc_json_open_array(w, "coordinates", true); /* the last axis fastest */
            for (int a = 0, stride = count; a < axes->count; a++)
                sc_json_put_int(w, NULL, d / (stride /= axes->size[a]) % axes->size[a]);
            sc_json_close(w);
            sc_json_close(w);
        }
    }
    sc_json_close(w);
}

/* The layout of a tensor where it leaves, or arrives. */
static void put_spec(struct job *job, int stage, int tensor)
{
    const struct sc_plan *plan = job->plan->stages[stage].plan;
    const struct sc_tensor *t = &plan->graph->tensors[tensor];
    int node = plan->costs->fanout_node[tensor], port = 0;
    char text[64];
    if (node < 0) {
        node = plan->costs->op_node[t->op];
        port = t->port;
    }
    sc_spec_format(export_place_at(plan, node).strategy->result[port], t->rank, text, sizeof text);
    sc_json_put_string(&job->w, "spec", text);
}

static bool reads(const struct export_passing *p, int stage)
{
    for (int i = 0; i < p->to_count; i++)
        if (p->to[i] == stage)
            return true;
    return false;
}

/* Tensors that leave the stage, or arrive there. */
static void put_tensors(struct job *job, const char *key, int stage, bool leave)
{
    struct sc_json_writer *w = &job->w;
    sc_json_open_array(w, key, false);
    for (int k = 0; k < job->passing_count; k++) {
        const struct export_passing *p = &job->passing[k];
        const struct sc_tensor *t = &job->plan->graph->tensors[p->tensor];
        if (leave ? p->from != stage : !reads(p, stage))
            continue;
        sc_json_open_object(w, NULL, true);
        sc_json_put_string(w, "tensor", t->name);
        if (leave) {
            sc_json_open_array(w, "to", true);
            for (int i = 0; i < p->to_count; i++)
                sc_json_put_int(w, NULL, p->to[i]);
            sc_json_close(w);
        } else {
            sc_json_put_int(w, "from", p->from);
        }
        sc_json_put_string(w, "dtype", sc_dtype_name(t->dtype));
        put_shape(w, t);
        sc_json_put_number(w, "bytes", p->bytes);
        sc_json_put_bool(w, "gradient", p->gradient);
        put_spec(job, stage, p->tensor);
        sc_json_close(w);
    }
    sc_json_close(w);
}

/* Where an instruction sends to or receives from, and how much. The same for every microbatch of a stage. */
struct peer {
    const char *key; /* "to", "from"; NULL: it does not communicate */
    bool *stages;    /* stage_count */
    double bytes;
};

/* What passes on from a stage: activations to `to`, or gradients back to `from`. */
static void find_peer(const struct job *job, int stage, enum sc_step_kind kind, struct peer *out)
{
    bool leaves = kind == SC_STEP_SEND_FORWARD || kind == SC_STEP_RECEIVE_BACKWARD;
    bool backward = kind == SC_STEP_SEND_BACKWARD || kind == SC_STEP_RECEIVE_BACKWARD;
    out->key = kind == SC_STEP_SEND_FORWARD || kind == SC_STEP_SEND_BACKWARD         ? "to"
               : kind == SC_STEP_RECEIVE_FORWARD || kind == SC_STEP_RECEIVE_BACKWARD ? "from"
                                                                                     : NULL;
    for (int k = 0; out->key && k < job->passing_count; k++) {
        const struct export_passing *p = &job->passing[k];
        if ((leaves ? p->from != stage : !reads(p, stage)) || (backward && !p->gradient))
            continue;
        out->bytes += p->bytes;
        for (int i = 0; leaves && i < p->to_count; i++)
            out->stages[p->to[i]] = true;
        if (!leaves)
            out->stages[p->from] = true;
    }
    if (job->input.chunks > 1 && out->key) { /* a ring; which tensors pass between chunks is not laid out */
        int count = job->input.stage_count;
        memset(out->stages, 0, (size_t)count * sizeof *out->stages);
        out->stages[(stage + (leaves ? 1 : count - 1)) % count] = true;
    }
}

static void put_instruction(struct job *job, struct sc_instruction what, const struct peer *peer)
{
    struct sc_json_writer *w = &job->w;
    sc_json_open_object(w, NULL, true);
    sc_json_put_string(w, "do", sc_step_name(what.kind));
    if (what.kind != SC_STEP_ONCE)
        sc_json_put_int(w, "microbatch", what.microbatch);
    if (what.kind != SC_STEP_ONCE && job->input.chunks > 1)
        sc_json_put_int(w, "chunk", what.chunk);
    if (peer->key) {
        sc_json_open_array(w, peer->key, true);
        for (int i = 0; i < job->input.stage_count; i++)
            if (peer->stages[i])
                sc_json_put_int(w, NULL, i);
        sc_json_close(w);
        if (job->input.chunks == 1)
            sc_json_put_number(w, "bytes", peer->bytes);
    }
    sc_json_close(w);
}

static enum sc_status put_instructions(struct job *job, int stage, struct sc_error *err)
{
    const struct sc_schedule_input *in = &job->input;
    struct sc_instruction *list;
    int count;
    struct peer peers[SC_STEP_COUNT] = {0};
    bool *stages = sc_calloc((size_t)SC_STEP_COUNT * (size_t)in->stage_count, sizeof *stages);
    if (!stages)
        return sc_fail(err, SC_NO_MEMORY, "no memory for a schedule");
    for (int k = 0; k < SC_STEP_COUNT; k++) {
        peers[k].stages = stages + (size_t)k * (size_t)in->stage_count;
        find_peer(job, stage, (enum sc_step_kind)k, &peers[k]);
    }
    enum sc_status status = sc_schedule_instructions(in->schedule, in->stage_count, in->microbatches, in->chunks, stage,
                                                     &list, &count, err);
    if (status == SC_OK) {
        sc_json_open_array(&job->w, "instructions", false);
        for (int i = 0; i < count; i++)
            if (job->plan->settings.mode == SC_TRAIN ||
                (list[i].kind != SC_STEP_BACKWARD && list[i].kind != SC_STEP_SEND_BACKWARD &&
                 list[i].kind != SC_STEP_RECEIVE_BACKWARD && list[i].kind != SC_STEP_ONCE))
                put_instruction(job, list[i], &peers[list[i].kind]);
        sc_json_close(&job->w);
        sc_free(list);
    }
    sc_free(stages);
    return status;
}

static enum sc_status put_stage(struct job *job, int stage, struct sc_error *err)
{
    const struct sc_plan_stage *s = &job->plan->stages[stage];
    const struct sc_schedule_stage *in = &job->input.stages[stage];
    const struct sc_axes *axes = &s->plan->costs->mesh.axes;
    struct sc_json_writer *w = &job->w;
    sc_json_open_object(w, NULL, false);
    sc_json_put_int(w, "stage", stage);
    sc_json_put_int(w, "hosts", s->hosts);
    sc_json_put_int(w, "devices_per_host", s->devices);
    sc_json_open_array(w, "devices", true);
    for (int d = 0; d < s->hosts * s->devices; d++)
        sc_json_put_int(w, NULL, s->first_device + d);
    sc_json_close(w);
    sc_json_open_object(w, "logical_mesh", true);
    for (int a = 0; a < axes->count; a++)
        sc_json_put_int(w, (char[]){sc_axis_name(a), '\0'}, axes->size[a]);
    sc_json_close(w);
    sc_json_open_array(w, "layers", true);
    for (int l = s->first_layer; l <= s->last_layer; l++)
        sc_json_put_string(w, NULL, job->plan->graph->layers[l].name);
    sc_json_close(w);
    sc_json_put_string(w, "remat", s->plan->costs->options.remat == SC_REMAT_LAYER ? "layer" : "none");
    sc_json_put_number(w, "forward_s", in->forward_s);
    sc_json_put_number(w, "backward_s", in->backward_s);
    sc_json_put_number(w, "once_s", in->once_s);
    sc_json_put_number(w, "static_bytes", in->static_bytes);
    sc_json_put_number(w, "activation_bytes", in->activation_bytes);
    put_tensors(job, "sends", stage, true);
    put_tensors(job, "receives", stage, false);
    enum sc_status status = put_instructions(job, stage, err);
    sc_json_close(w);
    return status;
}

enum sc_status export_schedule(const struct sc_plan *plan, const char *variant, struct sc_cancel *cancel,
                               struct sc_str *out, struct sc_error *err)
{
    struct job job = {.plan = plan};
    struct sc_json_writer *w = &job.w;
    struct export_passing *passing = NULL;
    struct sc_arena *arena = sc_arena_new();
    if (!arena)
        return sc_fail(err, SC_NO_MEMORY, "no memory for a schedule");
    enum sc_status status = export_schedule_input(plan, variant, &job.input, err);
    bool checked = status == SC_OK;
    if (status == SC_OK)
        status = export_find_passing(plan, arena, &passing, &job.passing_count, err);
    if (status == SC_OK) {
        job.passing = passing;
        sc_json_begin(w, out);
        sc_json_open_object(w, NULL, false);
        sc_json_put_int(w, "stagecut", 1);
        sc_json_put_string(w, "kind", "schedule");
        sc_json_put_string(w, "model", plan->graph->name);
        sc_json_put_string(w, "cluster", plan->cluster->name);
        sc_json_put_string(w, "mode", sc_mode_name(plan->settings.mode));
        sc_json_put_string(w, "schedule", sc_schedule_name(job.input.schedule));
        sc_json_put_int(w, "microbatches", job.input.microbatches);
        sc_json_put_int(w, "chunks", job.input.chunks);
        put_devices(&job);
        sc_json_open_array(w, "stages", false);
        for (int i = 0; status == SC_OK && i < plan->stage_count; i++) {
            status = put_stage(&job, i, err);
            if (status == SC_OK && cancel && sc_cancelled(cancel))
                status = sc_fail(err, SC_CANCELLED, "cancelled while writing a schedule");
        }
        sc_json_close(w);
        sc_json_close(w);
        sc_str_add(out, "\n");
    }
    if (checked)
        sc_free((void *)(uintptr_t)job.input.stages);
    sc_arena_free(arena);
    return status;
}
