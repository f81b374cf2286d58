/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The sample models against published numbers: parameters, FLOPs, saved activations. The error of each is printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "import/import.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static struct sc_graph *load(const char *name, const struct sc_model_options *options)
{
    char path[512], message[2048];
    struct sc_graph *graph = NULL;
    struct sc_error err = {0};
    snprintf(path, sizeof path, TEST_SOURCE_DIR "/samples/models/%s.json", name);
    if (sc_import_model(path, options, &graph, &err) != SC_OK) {
        sc_error_format(&err, message, sizeof message);
        fail_msg("%s", message);
    }
    return graph;
}

static void check(const char *what, const char *name, double ours, double theirs, double tolerance)
{
    double error = ours / theirs - 1;
    printf("    %-16s %-12s %14.6g  published %14.6g  %+.3f %%\n", name, what, ours, theirs, 100 * error);
    if (!(fabs(error) <= tolerance))
        fail_msg("%s: %s off by %.3f %%, more than %.3f %%", name, what, 100 * error, 100 * tolerance);
}

static int64_t value_of(const struct sc_graph *g, const char *name)
{
    for (int i = 0; i < g->set_count; i++)
        if (strcmp(g->set_names[i], name) == 0)
            return g->set_values[i];
    fail_msg("%s has no parameter %s", g->name, name);
    return 0;
}

/* ---- parameters ------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    double parameters, tolerance;
    const char *source;
} sizes[] = {
    {"gpt-2.6b", 2.649e9, 1e-3, "Alpa, compute_gpt_parameter_count"},
    {"gpt-39b", 39.079e9, 1e-3, "Alpa, compute_gpt_parameter_count"},
    {"gpt-125m", 125e6, 0.01, "its name"},
    {"gpt-350m", 355e6, 0.01, "GPT-2 medium has 355 million (Radford et al. 2019, code repository)"},
    {"gpt-760m", 760e6, 0.01, "its name"},
    {"gpt-1.3b", 1.3e9, 0.02, "its name"},
    {"gpt-6.7b", 6.7e9, 0.01, "its name"},
    {"gpt-15b", 15e9, 0.03, "its name"},
    {"gpt-76b", 76e9, 0.01, "its name"},
    {"bert-large", 335.1e6, 1e-3, "bert-large-uncased as published: 335 million"},
    {"llama-3-8b", 8.030e9, 1e-3, "Llama-3-8B as published: 8.03 billion"},
    {"llama-3-70b", 70.55e9, 1e-3, "Llama-3-70B as published: 70.55 billion"},
    {"mixtral-8x7b", 46.70e9, 1e-3, "Mixtral-8x7B as published: 46.7 billion"},
    {"vit-l", 304.3e6, 1e-3, "ViT-L/16 as published: 304 million with its head of 1000"},
    {"t5-3b", 2.852e9, 1e-3, "T5-3B as published: 2.85 billion"},
    {"u-net", 859520964, 1e-9, "U-Net of Stable Diffusion 1.x: 859,520,964"},
    {"wide-resnet-250m", 250e6, 0.02, "its name"},
    {"wide-resnet-1b", 1e9, 0.01, "its name"},
    {"wide-resnet-4b", 4e9, 0.01, "its name"},
    {"wide-resnet-13b", 13e9, 0.03, "its name"},
    {"moe-380m", 380e6, 0.02, "its name"},
    {"moe-1.3b", 1.3e9, 0.04, "its name"},
    {"moe-10b", 10e9, 0.02, "its name"},
    {"moe-70b", 70e9, 0.01, "its name"},
    {"mlp-2", 2 * 128 * 128, 0, "two square layers"},
    {"mlp-12", 12 * 1024 * 1024, 0, "twelve square layers"},
};

static void parameters_agree_with_published_counts(void **state)
{
    (void)state;
    for (size_t i = 0; i < SC_LEN(sizes); i++) {
        struct sc_graph *g = load(sizes[i].name, NULL);
        check("parameters", sizes[i].name, (double)g->parameters, sizes[i].parameters, sizes[i].tolerance);
        sc_graph_free(g);
    }
}

/* Alpa's compute_gpt_parameter_count, with the table of positions that it leaves out. */
static void gpt_parameters_agree_with_alpas_formula(void **state)
{
    (void)state;
    static const char *const names[] = {"gpt-125m", "gpt-350m", "gpt-760m", "gpt-1.3b", "gpt-2.6b",
                                        "gpt-6.7b", "gpt-15b",  "gpt-39b",  "gpt-76b"};
    for (size_t i = 0; i < SC_LEN(names); i++) {
        struct sc_graph *g = load(names[i], NULL);
        double h = (double)value_of(g, "hidden"), l = (double)value_of(g, "layers"), v = (double)value_of(g, "vocab");
        double formula = l * (h * (3 * h + 1) + h * (h + 1) + h * (4 * h + 1) + h * 4 * (h + 1) + 4 * h) + v * (h + 1);
        check("parameters", names[i], (double)g->parameters, formula + (double)g->sequence * h, 1e-3);
        sc_graph_free(g);
    }
}

/* Alpa's compute_moe_parameter_count with tied embeddings, and positions. */
static void moe_parameters_agree_with_alpas_formula(void **state)
{
    (void)state;
    static const char *const names[] = {"moe-380m", "moe-1.3b", "moe-10b", "moe-70b"};
    for (size_t i = 0; i < SC_LEN(names); i++) {
        struct sc_graph *g = load(names[i], NULL);
        double h = (double)value_of(g, "hidden"), l = (double)value_of(g, "layers"), v = (double)value_of(g, "vocab"),
               e = (double)value_of(g, "experts");
        double attention = h * (3 * h + 1) + h * (h + 1) + 4 * h, mlp = h * (8 * h + 1) + h * 8 * (h + 1);
        double formula = l / 2 * (attention + mlp) + l / 2 * (attention + e * mlp) + v * (h + 1);
        check("parameters", names[i], (double)g->parameters, formula + (double)g->sequence * h, 1e-3);
        sc_graph_free(g);
    }
}

/* ---- FLOPs ----------------------------------------------------------------------------------------- */

/* GPT (Alpa, compute_gpt_tflops; Narayanan et al. 2021): forward 24·B·S·H²·L·(1 + S/6H) + 2·B·S·H·V. */
static void gpt_flops_agree_with_alpas_formula(void **state)
{
    (void)state;
    static const char *const names[] = {"gpt-125m", "gpt-350m", "gpt-760m", "gpt-1.3b", "gpt-2.6b",
                                        "gpt-6.7b", "gpt-15b",  "gpt-39b",  "gpt-76b"};
    for (size_t i = 0; i < SC_LEN(names); i++) {
        struct sc_graph *g = load(names[i], NULL);
        double h = (double)value_of(g, "hidden"), l = (double)value_of(g, "layers"), v = (double)value_of(g, "vocab"),
               b = (double)g->batch, s = (double)g->sequence;
        check("FLOPs", names[i], g->flops, 24 * b * s * h * h * l * (1 + s / (6 * h)) + 2 * b * s * h * v, 0.01);
        sc_graph_free(g);
    }
}

/* Forward and backward: 72 instead of 24, 6 instead of 2. Fused attention reads its scores again in the backward pass
 * (2.5 times its forward work instead of twice), which the formula does not have; that share is taken out here. */
static void gpt_training_flops_agree_with_alpas_formula(void **state)
{
    (void)state;
    struct sc_graph *g = load("gpt-2.6b", NULL);
    double h = (double)value_of(g, "hidden"), l = (double)value_of(g, "layers"), v = (double)value_of(g, "vocab"),
           b = (double)g->batch, s = (double)g->sequence, total = 0, recomputed = 0;
    for (int i = 0; i < g->op_count; i++) {
        const struct sc_op *op = &g->ops[i];
        total += op->flops * (1 + op->kind->backward);
        if (strcmp(op->kind->name, "attention") == 0)
            recomputed += op->flops * (op->kind->backward - 2);
    }
    check("FLOPs, train", g->name, total - recomputed, 72 * b * s * h * h * l * (1 + s / (6 * h)) + 6 * b * s * h * v,
          0.01);
    sc_graph_free(g);
}

/* MoE (Alpa, compute_moe_tflops, forward): attention and feed-forward as above with a feed-forward of 8 h; a mixture
 * layer has two experts a token, its gate, and dispatch and combine as dense products over a group. */
static void moe_flops_agree_with_alpas_formula(void **state)
{
    (void)state;
    static const char *const names[] = {"moe-380m", "moe-1.3b", "moe-10b", "moe-70b"};
    for (size_t i = 0; i < SC_LEN(names); i++) {
        struct sc_graph *g = load(names[i], NULL);
        double h = (double)value_of(g, "hidden"), l = (double)value_of(g, "layers"), v = (double)value_of(g, "vocab"),
               e = (double)value_of(g, "experts"), t = (double)value_of(g, "group_size"), b = (double)g->batch,
               s = (double)g->sequence;
        double plain = b * s * h * h * (8 + 4 * 8) + 4 * b * s * s * h;
        double mixture = b * s * h * h * 8 + 4 * b * s * s * h + 8 * b * s * h * h * 8 + 2 * b * s * h * e +
                         2 * b * s * 2 * t + 2 * b * s * h * 2 * t * 2;
        check("FLOPs", names[i], g->flops, (plain + mixture) * l / 2 + 2 * b * s * h * v, 0.01);
        sc_graph_free(g);
    }
}

/* Others count multiply-adds: ResNet-50 has 4.1 billion of them for an image of 224 (He et al. 2016: 3.8 without the
 * projections; torchvision: 4.09), ViT-L/16 61.6 billion (Touvron et al. 2021, DeiT's table of models). */
static void image_flops_agree_with_published_counts(void **state)
{
    (void)state;
    struct sc_model_options resnet = {.setting_count = 3,
                                      .settings = {{"channels", 64}, {"width", 1}, {"classes", 1000}}};
    struct sc_graph *g = load("family/wide-resnet", &resnet);
    double matrix = 0;
    for (int i = 0; i < g->op_count; i++)
        matrix += g->ops[i].kind->unit == SC_UNIT_MATRIX ? g->ops[i].flops : 0;
    check("FLOPs", "resnet-50", matrix / 2 / (double)g->batch, 4.089e9, 0.01);
    check("parameters", "resnet-50", (double)g->parameters, 25557032, 1e-6);
    sc_graph_free(g);
    g = load("vit-l", NULL);
    matrix = 0;
    for (int i = 0; i < g->op_count; i++)
        matrix += g->ops[i].kind->unit == SC_UNIT_MATRIX ? g->ops[i].flops : 0;
    check("FLOPs", "vit-l", matrix / 2 / (double)g->batch, 61.6e9, 0.01);
    sc_graph_free(g);
}

/* ---- saved activations ----------------------------------------------------------------------------- */

/* Bytes that the ops of one layer save for the backward pass: operands and results by the kinds' flags, each tensor
 * once, without parameters, and masks. */
static double saved_bytes(const struct sc_graph *g, const struct sc_layer *layer)
{
    double bytes = 0;
    bool *seen = sc_calloc((size_t)g->tensor_count, sizeof *seen);
    assert_non_null(seen);
    for (int i = layer->first_op; i < layer->first_op + layer->op_count; i++) {
        const struct sc_op *op = &g->ops[i];
        for (int k = 0; k < op->operand_count; k++) {
            const struct sc_tensor *t = &g->tensors[op->operands[k]];
            if ((op->kind->saves >> k & 1) && sc_kind_source(g->ops[t->op].kind) != SC_SOURCE_PARAMETER &&
                !seen[op->operands[k]]) {
                seen[op->operands[k]] = true;
                bytes += sc_tensor_bytes(t);
            }
        }
        if (op->result_count == 0)
            continue;
        const struct sc_tensor *result = &g->tensors[op->results[0]];
        if ((op->kind->saves >> 16 & 1) && !seen[op->results[0]]) {
            seen[op->results[0]] = true;
            bytes += sc_tensor_bytes(result);
        }
        bytes += op->kind->mask_bytes * (double)sc_tensor_elements(result);
    }
    sc_free(seen);
    return bytes;
}

/* Korthikanti et al. 2022 (arXiv 2205.05198), equation 1 without the attention core's 5·a·s²·b, which fused attention
 * does not keep: s·b·h·34 bytes a layer in 16 bits; Megatron's theoretical memory: s·b·h·(18 + 4·ffn/h). */
static void saved_activations_agree_with_megatron(void **state)
{
    (void)state;
    static const char *const names[] = {"gpt-2.6b", "gpt-39b"};
    for (size_t i = 0; i < SC_LEN(names); i++) {
        struct sc_graph *g = load(names[i], NULL);
        double h = (double)value_of(g, "hidden"), ffn = (double)value_of(g, "ffn");
        for (int l = 1; l + 1 < g->layer_count; l += g->layer_count / 3)
            check("saved bytes", names[i], saved_bytes(g, &g->layers[l]),
                  (double)g->sequence * (double)g->batch * h * (18 + 4 * ffn / h), 1e-9);
        sc_graph_free(g);
    }
    struct sc_model_options wide = {.setting_count = 1, .settings = {{"ffn", 1024}}};
    struct sc_graph *g = load("gpt-125m", &wide);
    check("saved bytes", "ffn 1024", saved_bytes(g, &g->layers[1]),
          (double)g->sequence * (double)g->batch * 768 * (18 + 4 * 1024. / 768), 1e-9);
    sc_graph_free(g);
}

/* ---- structure ------------------------------------------------------------------------------------- */

static const struct {
    const char *model, *repeat;
    int count;
} repeats[] = {
    {"gpt-39b", "layer", 48},      {"bert-large", "layer", 24}, {"llama-3-70b", "layer", 80},
    {"mixtral-8x7b", "layer", 32}, {"moe-10b", "layer", 8},     {"vit-l", "layer", 24},
    {"t5-3b", "encoder", 24},      {"t5-3b", "decoder", 24},    {"wide-resnet-13b", "stage.2.block", 22},
};

static void repeated_layers_fold(void **state)
{
    (void)state;
    for (size_t i = 0; i < SC_LEN(repeats); i++) {
        struct sc_graph *g = load(repeats[i].model, NULL);
        bool found = false;
        for (int r = 0; r < g->repeat_count; r++)
            found |= strcmp(g->repeats[r].name, repeats[i].repeat) == 0 && g->repeats[r].count == repeats[i].count;
        if (!found)
            fail_msg("%s: \"%s\" is not found %d times", repeats[i].model, repeats[i].repeat, repeats[i].count);
        sc_graph_free(g);
    }
}

/* Every sample in every mode it has: what comes out agrees between modes, and decode reads one token. */
static void every_sample_loads_in_its_modes(void **state)
{
    (void)state;
    for (size_t i = 0; i < SC_LEN(sizes); i++) {
        struct sc_graph *train = load(sizes[i].name, NULL);
        struct sc_model_options options = {.mode = SC_PREFILL};
        struct sc_graph *prefill = load(sizes[i].name, &options);
        assert_int_equal(train->parameters, prefill->parameters);
        assert_true(prefill->op_count < train->op_count);
        bool trains = false;
        for (int t = 0; t < train->tensor_count; t++)
            trains |= train->tensors[t].output && train->tensors[t].gradient && train->tensors[t].rank == 0;
        assert_true(trains); /* to a scalar loss */
        sc_graph_free(train);
        sc_graph_free(prefill);
    }
    static const char *const decoding[] = {"gpt-2.6b", "llama-3-8b", "mixtral-8x7b"};
    for (size_t i = 0; i < SC_LEN(decoding); i++) {
        struct sc_model_options options = {.mode = SC_DECODE};
        struct sc_graph *g = load(decoding[i], &options);
        double cache = 0;
        for (int k = 0; k < g->op_count; k++)
            if (sc_kind_source(g->ops[k].kind) == SC_SOURCE_CACHE)
                cache += sc_tensor_bytes(&g->tensors[g->ops[k].results[0]]);
        double width = i == 0 ? 2560 : 1024;
        assert_true(cache == 2. * 32 * (double)g->batch * (double)g->sequence * width * 2);
        double weights = 2. * (double)g->parameters * (double)g->batch; /* two FLOPs a parameter and token */
        assert_true(g->flops > (i == 2 ? 0.2 : 0.9) * weights && g->flops < 2 * weights);
        sc_graph_free(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_agree_with_published_counts),
        cmocka_unit_test(gpt_parameters_agree_with_alpas_formula),
        cmocka_unit_test(moe_parameters_agree_with_alpas_formula),
        cmocka_unit_test(gpt_flops_agree_with_alpas_formula),
        cmocka_unit_test(gpt_training_flops_agree_with_alpas_formula),
        cmocka_unit_test(moe_flops_agree_with_alpas_formula),
        cmocka_unit_test(image_flops_agree_with_published_counts),
        cmocka_unit_test(saved_activations_agree_with_megatron),
        cmocka_unit_test(repeated_layers_fold),
        cmocka_unit_test(every_sample_loads_in_its_modes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
