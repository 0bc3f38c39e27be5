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
# The library was built without XNNPACK; the packaged headers lack one include of <cstdint>.
FLAGS = -O1 -w -fPIC -std=c++17 -DTFLITE_WITHOUT_XNNPACK -include cstdint -Itf -I/usr/include/gemmlowp

all: benchmark_model dummy.so
benchmark_model: $(addsuffix .o, $(addprefix o/, $(TOOL)))
	g++ -o $@ $^ -ltensorflow-lite -ldl -lpthread $(wildcard /usr/lib/*/libabsl_*.so)
dummy.so: $(addsuffix .o, $(addprefix o/, $(DUMMY)))
	g++ -shared -o $@ $^ -ltensorflow-lite
o/%.o: %.cc
	@mkdir -p $(@D)
	g++ $(FLAGS) -c $< -o $@
