// A config.json of any content: an error or a model whose sizes hold together, never a crash.
#include <cstdlib>
#include <string>

#include "model/decoder_shape.hpp"
#include "model/kv_geometry.hpp"
#include "prefill/modelled.hpp"

namespace {

using namespace kv;

void check(bool holds) {
  if (!holds) std::abort();
}

void size_up(const Model& model, const KvOptions& options, Tokens block) {
  const Result<KvGeometry> geometry = KvGeometry::make(model, options, block);
  if (!geometry) return check(!geometry.error().message.empty());
  const Tokens prompt(block.count() * 3 + block.count() / 2);
  check(!geometry->parts().empty());
  check(geometry->fetched_prefix(prompt) <= geometry->moved_prefix(prompt));
  check(geometry->moved_prefix(prompt) <= geometry->stored_prefix(prompt));
  check(geometry->max_part() <= geometry->max_block());
  check(geometry->fetched_prefix(prompt) <= geometry->uploaded_prefix(prompt));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const Result<Model> model = model_from_config(text, "fuzz.json");
  if (!model) {
    check(!model.error().message.empty() && model.error().message.size() < 1000);
    return 0;
  }
  check(model->full_layers() <= model->layers && model->params >= model->active_params);
  const Result<DecoderShape> decoder = decoder_shape_from_config(text, "fuzz.json", *model);
  if (decoder) {
    check(decoder->vocab != 0 && decoder->intermediate != 0 && decoder->rope_theta > 0);
    check(decoder_params(*model, *decoder) > 0);
  } else {
    check(!decoder.error().message.empty() && decoder.error().message.size() < 1000);
  }
  KvOptions options;
  size_up(*model, options, Tokens(512));
  options.dtype = Dtype::int8;
  options.tp = 8;
  options.pp = 2;
  options.replication = KvReplication::naive;
  size_up(*model, options, Tokens(16));
  options.bytes_per_token = 64;
  size_up(*model, options, Tokens(16));

  const Result<std::unique_ptr<Prefill>> prefill = prefills()[0].make({*model, gpus()[1], 8});
  if (prefill) check((*prefill)->cost(Tokens(1 << 20), Tokens(1 << 20)) >= Duration(0));
  return 0;
}
