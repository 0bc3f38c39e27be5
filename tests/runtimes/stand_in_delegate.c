/* A delegate for tests, through the external delegate interface of TensorFlow Lite. Only the parts of the structures that
 * are touched are declared; their order is that of tensorflow/lite/core/c/common.h of TensorFlow 2.21.
 *
 * Option mode, or the variable STAND_IN_MODE: nothing (default) | refuse | fail | take | old.
 *   take: every operator that the Edge TPU compiler left is taken, and gives (sum of its first input's bytes) + place;
 *         the first run takes 30 ms more, as if parameters were loaded.
 *   old:  they are taken, and then refused as a runtime refuses what is newer than itself.
 * Option device: usb:9 fails without a word, as libedgetpu does where there is no such device; usb:7 takes. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct { int size; int data[]; } IntArray;
typedef struct {
  int type;
  union { uint8_t *bytes; void *raw; } data;
  IntArray *dims;
  struct { float scale; int32_t zero_point; } params;
  int allocation_type;
  size_t bytes;
  const void *allocation;
  const char *name;
  void *delegate;
  int buffer_handle;
  bool data_is_stale, is_variable;
  struct { int type; void *params; } quantization;
  void *sparsity;
  const IntArray *dims_signature;
} Tensor;
typedef struct { IntArray *inputs, *outputs, *intermediates, *temporaries; void *user_data; } Node;
typedef struct Context Context;
typedef struct {
  void *(*init)(Context *, const char *, size_t);
  void (*free)(Context *, void *);
  int (*prepare)(Context *, Node *);
  int (*invoke)(Context *, Node *);
  const char *(*profiling_string)(const Context *, const Node *);
  int32_t builtin_code;
  const char *custom_name;
  int version;
  void *external, *async_kernel;
  uint64_t inplace;
} Registration;
typedef struct Delegate {
  void *data;
  int (*Prepare)(Context *, struct Delegate *);
  int (*CopyFromBufferHandle)(void);
  int (*CopyToBufferHandle)(void);
  void (*FreeBufferHandle)(void);
  int64_t flags;
  void *builder;
} Delegate;
struct Context {
  size_t tensors_size;
  int (*GetExecutionPlan)(Context *, IntArray **);
  Tensor *tensors;
  void *impl;
  int (*ResizeTensor)(void);
  void (*ReportError)(Context *, const char *, ...);
  int (*AddTensors)(void);
  int (*GetNodeAndRegistration)(Context *, int, Node **, Registration **);
  int (*ReplaceNodeSubsetsWithDelegateKernels)(Context *, Registration, const IntArray *, Delegate *);
};

static void *start(Context *context, const char *buffer, size_t length) {
  (void)context; (void)buffer; (void)length;
  return calloc(1, sizeof(int));
}
static void end(Context *context, void *runs) { (void)context; free(runs); }
static int accept(Context *context, Node *node) { (void)context; (void)node; return 0; }
static int too_old(Context *context, Node *node) {
  (void)node;
  context->ReportError(context, "Failed precondition: Package requires runtime version (%d), which is newer than this"
                                " runtime version (%d).", 14, 12);
  return 1;
}
static int compute(Context *context, Node *node) {
  int *runs = node->user_data;
  if ((*runs)++ == 0) nanosleep(&(struct timespec){0, 30000000}, NULL);
  uint8_t sum = 0;
  Tensor *input = &context->tensors[node->inputs->data[0]];
  for (size_t i = 0; i < input->bytes; i++) sum += input->data.bytes[i];
  for (int k = 0; k < node->outputs->size; k++) {
    Tensor *output = &context->tensors[node->outputs->data[k]];
    for (size_t i = 0; i < output->bytes; i++) output->data.bytes[i] = sum + i;
  }
  return 0;
}

static int take_nothing(Context *context, Delegate *delegate) { (void)context; (void)delegate; return 0; }
static int fail(Context *context, Delegate *delegate) { (void)context; (void)delegate; return 1; }
static int take(Context *context, Delegate *delegate) {
  IntArray *plan;
  if (context->GetExecutionPlan(context, &plan)) return 1;
  IntArray *nodes = malloc(sizeof(int) * (plan->size + 1));
  nodes->size = 0;
  for (int i = 0; i < plan->size; i++) {
    Node *node; Registration *registration;
    if (context->GetNodeAndRegistration(context, plan->data[i], &node, &registration)) return 1;
    const char *name = registration->custom_name;
    if (name && !strcmp(name, "edgetpu-custom-op")) nodes->data[nodes->size++] = plan->data[i];
  }
  Registration kernel = {start, end, delegate->data ? too_old : accept, compute, NULL, 0, "StandIn", 1, NULL, NULL, 0};
  int status = context->ReplaceNodeSubsetsWithDelegateKernels(context, kernel, nodes, delegate);
  free(nodes);
  return status;
}

__attribute__((visibility("default"))) const char *edgetpu_version(void) { return "Stand-in, RuntimeVersion(12)"; }

__attribute__((visibility("default"))) Delegate *tflite_plugin_create_delegate(
    const char *const *keys, const char *const *values, size_t count, void (*report)(const char *)) {
  const char *mode = getenv("STAND_IN_MODE");
  for (size_t i = 0; i < count; i++) {
    if (!strcmp(keys[i], "mode")) mode = values[i];
    else if (strcmp(keys[i], "device")) { report("unknown option"); return NULL; }
    else if (!strcmp(values[i], "usb:9")) return NULL;
    else if (!strcmp(values[i], "usb:7")) mode = "take";
  }
  if (mode && !strcmp(mode, "refuse")) { report("no device is attached"); return NULL; }
  Delegate *delegate = calloc(1, sizeof *delegate);
  delegate->Prepare = take_nothing;
  if (mode && !strcmp(mode, "fail")) delegate->Prepare = fail;
  if (mode && (!strcmp(mode, "take") || !strcmp(mode, "old"))) delegate->Prepare = take;
  /* As libedgetpu: else the runtime prepares every operator first, which fails for one that it does not know. */
  delegate->flags = delegate->Prepare == take;
  delegate->data = mode && !strcmp(mode, "old") ? delegate : NULL;
  return delegate;
}

__attribute__((visibility("default"))) void tflite_plugin_destroy_delegate(Delegate *delegate) { free(delegate); }
