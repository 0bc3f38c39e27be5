# benchmark_model and the dummy delegate against Debian's libtensorflow-lite; see debian_phone.sh.
T = tf/tensorflow
L = $(T)/lite
TOOL = $(addprefix $(L)/tools/benchmark/, benchmark_main benchmark_model benchmark_tflite_model benchmark_utils \
         profiling_listener register_custom_op benchmark_performance_options) \
       $(T)/tsl/util/stats_calculator $(L)/kernels/internal/utils/sparsity_format_converter \
       $(addprefix $(L)/profiling/, memory_info memory_usage_monitor profile_buffer profile_summarizer \
         profile_summary_formatter root_profiler telemetry/profiler telemetry/telemetry time) \
       $(addprefix $(L)/tools/, command_line_flags model_loader tool_params utils evaluation/utils \
         delegates/default_execution_provider delegates/delegate_provider delegates/external_delegate_provider) \
       $(L)/delegates/external/external_delegate
DUMMY = $(addprefix $(L)/delegates/utils/, dummy_delegate/dummy_delegate dummy_delegate/external_delegate_adaptor \
         simple_delegate) $(L)/delegates/utils $(L)/tools/command_line_flags $(L)/tools/tool_params
XNNPACK = $(addprefix $(L)/delegates/xnnpack/, xnnpack_delegate quantization_util) \
          $(L)/tools/delegates/xnnpack_delegate_provider $(L)/core/acceleration/configuration/c/xnnpack_plugin
# The packaged headers lack one include of <cstdint>.
FLAGS = -O1 -w -fPIC -std=c++17 -include cstdint -Itf -I/usr/include/gemmlowp
# Quantised operators have to be switched on, as TensorFlow's own build does.
QUANTISED = -DXNNPACK_DELEGATE_ENABLE_QS8=1 -DXNNPACK_DELEGATE_ENABLE_QU8=1
LIBRARIES = -ltensorflow-lite -ldl -lpthread $(wildcard /usr/lib/*/libabsl_*.so)

all: benchmark_model benchmark_plain dummy.so
benchmark_model: $(addsuffix .o, $(addprefix x/, $(TOOL) $(XNNPACK)))
	g++ -o $@ $^ -lXNNPACK -lpthreadpool $(LIBRARIES)
benchmark_plain: $(addsuffix .o, $(addprefix o/, $(TOOL)))
	g++ -o $@ $^ $(LIBRARIES)
dummy.so: $(addsuffix .o, $(addprefix o/, $(DUMMY)))
	g++ -shared -o $@ $^ -ltensorflow-lite
x/%.o: %.cc
	@mkdir -p $(@D)
	g++ $(FLAGS) $(QUANTISED) -c $< -o $@
o/%.o: %.cc
	@mkdir -p $(@D)
	g++ $(FLAGS) -DTFLITE_WITHOUT_XNNPACK -c $< -o $@
