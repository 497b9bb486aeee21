#include <vector>

#include "prefill/modelled.hpp"

namespace kv {

std::string_view provenance_name(Provenance provenance) {
  switch (provenance) {
    case Provenance::modelled:
      return "modelled";
    case Provenance::measured:
      return "measured";
    case Provenance::quoted:
      return "quoted";
  }
  return "unknown";
}

std::span<const PrefillRow> prefills() {
  static const std::vector<PrefillRow> rows{
      {"modelled", "roofline of FLOPs, attention included, and weight traffic on a catalogue GPU",
       make_modelled_prefill},
  };
  return rows;
}

}  // namespace kv
