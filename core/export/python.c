/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * jax, dtensor: where tensors are laid out, as Python that JAX or PyTorch takes. Both texts have one form, a list of
 * stages with a dictionary for each kind of thing; they differ in how a spec is written and in what is around it.
 *
 * A spec names mesh axes by tensor dimension in JAX (PartitionSpec: None, a name, or a tuple with the major axis
 * first), and tensor dimensions by mesh axis in PyTorch (placements; of two axes on a dimension the left one is major).
 * In both the last mesh axis is the fastest over the devices, as here.
 */
#include "export/internal.h"

struct dialect {
    const char *name, *head, *foot;
    void (*put_spec)(struct sc_str *out, struct sc_spec spec, int rank, int axes);
};

/* ---- JAX ---- */

static void put_partition_spec(struct sc_str *out, struct sc_spec spec, int rank, int axis_count)
{
    sc_str_add(out, "P(");
    for (int d = 0; d < rank; d++) {
        unsigned axes = sc_spec_dim_axes(spec, d);
        int count = __builtin_popcount(axes);
        sc_str_add(out, d ? ", " : "");
        sc_str_add(out, count == 0 ? "None" : count > 1 ? "(" : "");
        for (int a = 0, n = 0; a < axis_count; a++)
            if (axes >> a & 1)
                sc_str_addf(out, "%s\"%c\"", n++ ? ", " : "", sc_axis_name(a));
        sc_str_add(out, count > 1 ? ")" : "");
    }
    sc_str_add(out, ")");
}

static const struct dialect jax = {
    .name = "jax",
    .head = "import jax\n"
            "import numpy as np\n"
            "from jax.sharding import Mesh, NamedSharding, PartitionSpec as P\n",
    .foot =
        "\n\n"
        "def mesh(stage, devices=None):\n"
        "    \"\"\"The mesh of a stage; `devices` are those of the cluster, hosts after each other.\"\"\"\n"
        "    devices = np.array(jax.devices() if devices is None else devices)\n"
        "    s = STAGES[stage]\n"
        "    return Mesh(devices[s[\"devices\"]].reshape(tuple(s[\"mesh\"].values())), tuple(s[\"mesh\"]))\n"
        "\n\n"
        "def shardings(stage, kind, devices=None):\n"
        "    \"\"\"Name -> NamedSharding: for jax.device_put, in_shardings, jax.lax.with_sharding_constraint.\"\"\"\n"
        "    m = mesh(stage, devices)\n"
        "    return {name: NamedSharding(m, spec) for name, spec in STAGES[stage][kind].items()}\n",
    .put_spec = put_partition_spec,
};

/* ---- PyTorch ---- */

static void put_placements(struct sc_str *out, struct sc_spec spec, int rank, int axis_count)
{
    (void)rank;
    sc_str_add(out, "[");
    for (int a = 0; a < axis_count; a++) {
        sc_str_add(out, a ? ", " : "");
        if (spec.dim[a] >= 0)
            sc_str_addf(out, "Shard(%d)", spec.dim[a]);
        else
            sc_str_add(out, "Replicate()");
    }
    sc_str_add(out, "]");
}

static const struct dialect dtensor = {
    .name = "dtensor",
    .head = "import torch\n"
            "from torch.distributed.device_mesh import DeviceMesh\n"
            "from torch.distributed.tensor import Replicate, Shard\n",
    .foot = "\n\n"
            "def meshes(device_type=\"cuda\"):\n"
            "    \"\"\"The mesh of each stage. Every rank makes all of them, in this order.\"\"\"\n"
            "    return [\n"
            "        DeviceMesh(\n"
            "            device_type,\n"
            "            torch.tensor(s[\"devices\"]).reshape(tuple(s[\"mesh\"].values())),\n"
            "            mesh_dim_names=tuple(s[\"mesh\"]),\n"
            "        )\n"
            "        for s in STAGES\n"
            "    ]\n",
    .put_spec = put_placements,
};

/* ---- both ---- */

struct writing {
    const struct dialect *dialect;
    const struct sc_plan *whole, *plan; /* of the stage */
    struct sc_str *out;
};

static void put_specs_of(struct writing *w, const char *name, struct sc_spec spec, int rank, const char *comment)
{
    sc_str_add(w->out, "            ");
    export_put_python(w->out, name);
    sc_str_add(w->out, ": ");
    w->dialect->put_spec(w->out, spec, rank, w->plan->costs->mesh.axes.count);
    sc_str_addf(w->out, ",%s\n", comment);
}

static void put_tensor(struct writing *w, int tensor, struct sc_spec spec)
{
    const struct sc_tensor *t = &w->plan->graph->tensors[tensor];
    put_specs_of(w, t->name, spec, t->rank, "");
}

static void put_results(struct writing *w, const struct export_place *place)
{
    const struct sc_op *op = &w->plan->graph->ops[place->op];
    for (int k = 0; k < op->result_count; k++)
        put_tensor(w, op->results[k], place->strategy->result[k]);
}

static void put_parameter(struct writing *w, const struct export_place *place)
{
    if (place->tensor < 0 && place->source == SC_SOURCE_PARAMETER)
        put_results(w, place);
}

static void put_input(struct writing *w, const struct export_place *place)
{
    if (place->tensor < 0 && place->source == SC_SOURCE_INPUT)
        put_results(w, place);
}

static void put_cache(struct writing *w, const struct export_place *place)
{
    if (place->tensor < 0 && place->source == SC_SOURCE_CACHE)
        put_results(w, place);
}

static void put_activation(struct writing *w, const struct export_place *place)
{
    if (place->tensor < 0 && place->source == SC_SOURCE_NONE)
        put_results(w, place);
}

static void put_received(struct writing *w, const struct export_place *place)
{
    if (place->tensor >= 0 && place->source == SC_SOURCE_NONE && !place->owned)
        put_tensor(w, place->tensor, place->strategy->result[0]);
}

/* The axes that shard the optimizer state further, each on the first dimension that it divides and where it is minor,
 * so that a device has the state of elements that it stores. A plan says only that the state is sharded; which elements
 * a device has is free. False: some axis has no such dimension. */
static bool state_spec(const struct sc_axes *axes, const struct sc_tensor *t, const struct sc_strategy *s,
                       struct sc_spec *out)
{
    bool whole = true;
    *out = s->result[0];
    for (int a = 0; a < axes->count; a++) {
        if (!(s->state_axes >> a & 1) || axes->size[a] == 1)
            continue;
        for (int d = 0; d < t->rank && out->dim[a] < 0; d++) {
            if (sc_spec_dim_axes(*out, d) >> a)
                continue;
            out->dim[a] = (int8_t)d;
            if (!sc_spec_divides(*out, axes, t->rank, t->size))
                out->dim[a] = -1;
        }
        whole &= out->dim[a] >= 0;
    }
    return whole;
}

static void put_state(struct writing *w, const struct export_place *place)
{
    if (place->tensor >= 0 || place->source != SC_SOURCE_PARAMETER || !place->strategy->state_axes)
        return;
    const struct sc_tensor *t = &w->plan->graph->tensors[w->plan->graph->ops[place->op].results[0]];
    struct sc_spec spec;
    bool whole = state_spec(&w->plan->costs->mesh.axes, t, place->strategy, &spec);
    put_specs_of(w, t->name, spec, t->rank, whole ? "" : "  # sharded further when flattened");
}

static void put_gradient(struct writing *w, const struct export_place *place)
{
    if (place->strategy->shard_gradient)
        put_state(w, place);
}

/* Tensors that are laid out anew after they were made, for all that read them. */
static void put_relaid(struct writing *w, const struct export_place *place)
{
    const struct sc_costs *costs = w->plan->costs;
    if (place->tensor < 0 || (place->source == SC_SOURCE_NONE && !place->owned))
        return;
    const struct sc_tensor *t = &w->plan->graph->tensors[place->tensor];
    struct sc_spec made = export_place_at(w->plan, costs->op_node[t->op]).strategy->result[t->port];
    if (!sc_spec_equal(made, place->strategy->result[0]))
        put_tensor(w, place->tensor, place->strategy->result[0]);
}

/* What an op reads otherwise than it is laid out: operands by number. */
static void put_operands(struct writing *w, const struct export_place *place)
{
    const struct sc_costs *costs = w->plan->costs;
    const struct sc_graph *graph = w->plan->graph;
    const struct sc_op *op = &graph->ops[place->op];
    bool any = false;
    for (int k = 0; place->tensor < 0 && k < op->operand_count; k++) {
        const struct sc_tensor *t = &graph->tensors[op->operands[k]];
        int shared = costs->fanout_node[op->operands[k]];
        struct export_place from = export_place_at(w->plan, shared >= 0 ? shared : costs->op_node[t->op]);
        if (sc_spec_equal(from.strategy->result[shared >= 0 ? 0 : t->port], place->strategy->operand[k]))
            continue;
        if (!any) {
            sc_str_add(w->out, "            ");
            export_put_python(w->out, op->name);
        }
        sc_str_addf(w->out, "%s%d: ", any ? ", " : ": {", k);
        w->dialect->put_spec(w->out, place->strategy->operand[k], t->rank, costs->mesh.axes.count);
        any = true;
    }
    if (any)
        sc_str_add(w->out, "},\n");
}

static const struct {
    const char *name, *help;
    void (*put)(struct writing *w, const struct export_place *place);
} kinds[] = {
    {"parameters", "as they are stored; what reads them gathers them where it wants them otherwise", put_parameter},
    {"optimizer_state", "where it is sharded further than its parameter (ZeRO)", put_state},
    {"gradients", "of parameters, where they are sharded further (ZeRO-2)", put_gradient},
    {"inputs", "of the model", put_input},
    {"caches", "keys and values of earlier tokens", put_cache},
    {"received", "from earlier stages, as they are laid out here", put_received},
    {"activations", "results of ops", put_activation},
    {"relaid", "tensors that are laid out anew for all their readers", put_relaid},
    {"operands", "op -> {operand: spec}, where an op reads a tensor otherwise than it is laid out", put_operands},
};

static void put_stage_head(struct writing *w, const struct sc_plan_stage *s)
{
    const struct sc_axes *axes = &s->plan->costs->mesh.axes;
    const struct sc_layer *layers = w->whole->graph->layers;
    sc_str_add(w->out, "    {\n        \"layers\": [");
    for (int l = s->first_layer; l <= s->last_layer; l++) {
        sc_str_add(w->out, l > s->first_layer ? ", " : "");
        export_put_python(w->out, layers[l].name);
    }
    sc_str_addf(w->out, "],\n        \"devices\": list(range(%d, %d)),\n        \"mesh\": {", s->first_device,
                s->first_device + s->hosts * s->devices);
    for (int a = 0; a < axes->count; a++)
        sc_str_addf(w->out, "%s\"%c\": %d", a ? ", " : "", sc_axis_name(a), axes->size[a]);
    sc_str_addf(w->out, "},\n        \"remat\": %s,\n",
                s->plan->costs->options.remat == SC_REMAT_LAYER ? "\"layer\"" : "None");
}

static void put_stage(struct writing *w, const struct sc_plan_stage *s)
{
    w->plan = s->plan;
    put_stage_head(w, s);
    for (size_t k = 0; k < SC_LEN(kinds); k++) {
        sc_str_addf(w->out, "        \"%s\": {", kinds[k].name);
        size_t empty = w->out->length;
        sc_str_add(w->out, "\n");
        size_t before = w->out->length;
        for (int n = 0; n < s->plan->costs->node_count; n++) {
            struct export_place place = export_place_at(s->plan, n);
            kinds[k].put(w, &place);
        }
        if (w->out->length == before) {
            w->out->length = empty; /* "{}" on one line */
            sc_str_add(w->out, "},\n");
        } else {
            sc_str_add(w->out, "        },\n");
        }
    }
    sc_str_add(w->out, "    },\n");
}

static enum sc_status put_python(const struct dialect *dialect, const struct sc_plan *plan, const char *variant,
                                 struct sc_cancel *cancel, struct sc_str *out, struct sc_error *err)
{
    struct writing w = {.dialect = dialect, .whole = plan, .out = out};
    enum sc_status status = export_no_variant(dialect->name, variant, err);
    if (status != SC_OK)
        return status;
    sc_str_addf(out, "# A plan of Stagecut, written by `stagecut export --to %s`.\n", dialect->name);
    sc_str_addf(out, "%s\nMODEL = ", dialect->head);
    export_put_python(out, plan->graph->name);
    sc_str_add(out, "\nCLUSTER = ");
    export_put_python(out, plan->cluster->name);
    sc_str_addf(out, "\nMODE = \"%s\"\nSCHEDULE = \"%s\"\nCHUNKS = %d\nMICROBATCHES = %d\n\n",
                sc_mode_name(plan->settings.mode), sc_schedule_name(plan->settings.schedule),
                plan->chunks > 1 ? plan->chunks : 1, plan->costs->options.microbatches);
    for (size_t k = 0; k < SC_LEN(kinds); k++)
        sc_str_addf(out, "# %s: %s\n", kinds[k].name, kinds[k].help);
    sc_str_add(out, "STAGES = [\n");
    for (int i = 0; i < plan->stage_count; i++) {
        put_stage(&w, &plan->stages[i]);
        if (cancel && sc_cancelled(cancel))
            return sc_fail(err, SC_CANCELLED, "cancelled while writing specs");
    }
    sc_str_addf(out, "]\n%s", dialect->foot);
    return SC_OK;
}

enum sc_status export_jax(const struct sc_plan *plan, const char *variant, struct sc_cancel *cancel, struct sc_str *out,
                          struct sc_error *err)
{
    return put_python(&jax, plan, variant, cancel, out, err);
}

enum sc_status export_dtensor(const struct sc_plan *plan, const char *variant, struct sc_cancel *cancel,
                              struct sc_str *out, struct sc_error *err)
{
    return put_python(&dtensor, plan, variant, cancel, out, err);
}
