#pragma once
#include <map>
#include <string>

namespace kv::test {

/// A small input in each format that kvkit imports, made here in the manner of the published files.
inline const std::map<std::string, std::string>& import_samples() {
  static const std::map<std::string, std::string> kSamples = {
      {"mooncake", R"({"timestamp": 0, "input_length": 1100, "output_length": 7, "hash_ids": [0, 1, 2]}
{"timestamp": 20, "input_length": 1024, "output_length": 8, "hash_ids": [0, 1]}
{"timestamp": 35.5, "input_length": 1600, "output_length": 9, "hash_ids": [0, 1, 3, 4]}
)"},
      {"aiperf",
       R"({"session_id": "a", "timestamp": 10.5, "input_length": 1024, "output_length": 40, "hash_ids": [1, 2], "group_id": 7}
{"session_id": "a", "delay": 500, "input_length": 600, "output_length": 30, "hash_ids": [3, 4]}
{"session_id": "a", "delay": 250, "input_length": 512, "output_length": 20, "hash_ids": [5]}
{"session_id": "b", "timestamp": 100, "input_length": 700, "output_length": 10, "hash_ids": [1, 6]}
)"},
      {"bailian",
       R"({"chat_id": 55, "parent_chat_id": -1, "timestamp": 0.5, "input_length": 32, "output_length": 12, "type": "text", "turn": 1, "hash_ids": [10, 11]}
{"chat_id": 159, "parent_chat_id": 55, "timestamp": 61.114, "input_length": 52, "output_length": 13, "type": "search", "turn": 2, "hash_ids": [10, 11, 12, 13]}
{"chat_id": 160, "parent_chat_id": 159, "timestamp": 70, "input_length": 40, "output_length": 3, "type": "text", "turn": 3, "hash_ids": [12, 11, 14]}
)"},
      {"servegen", R"({"request_id": 0, "type": "text", "input_length": 40, "hash_ids": [0, 1, 2], "img_ids": []}
{"request_id": 1, "type": "multimodal", "input_length": 48, "hash_ids": [0, 1, 3], "img_ids": ["img_00001"]}
)"},
      {"azure",
       "TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:17:03.9799600,4808,10\r\n"
       "2023-11-16 18:17:04.0319600,3180,8\r\n2023-11-16 18:17:06.2832250,110,27"},
      {"burstgpt",
       "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
       "5.0,s-1,3,ChatGPT,472,18,490,Conversation log\n45.25,s-1,2,ChatGPT,1087,230,1317,Conversation log\n"
       "118.0,s-2,9,GPT-4,417,276,693,API log\n"},
      {"sharegpt", R"([{"id": "c_0", "conversations": [
  {"from": "human", "value": "How long does it take to boil three eggs, and does their number matter at all?"},
  {"from": "gpt", "value": "Nine minutes for hard ones, however many there are."},
  {"from": "human", "value": "And on a mountain?"}, {"from": "gpt", "value": "Longer: water boils at less."}]},
 {"id": "c_1", "conversations": [
  {"from": "human", "value": "How long does it take to boil three eggs, and does their colour matter at all?"},
  {"from": "gpt", "value": "No."}]}]
)"},
      {"openai",
       R"({"created": 1700000000, "id": "r1", "user": "u1", "model": "m", "messages": [{"role": "system", "content": "You answer in one word, and that word is always in lower case, whatever happens."}, {"role": "user", "content": "Sky?"}], "choices": [{"message": {"role": "assistant", "content": "blue"}}]}
{"created": 1700000002, "id": "r2", "user": "u2", "model": "m", "messages": [{"role": "system", "content": "You answer in one word, and that word is always in lower case, whatever happens."}, {"role": "user", "content": [{"type": "text", "text": "Grass?"}]}], "choices": [{"message": {"role": "assistant", "content": "green"}}]}
)"},
      {"vllm-events",
       R"({"ts": 1700000000.5, "events": [{"type": "BlockStored", "block_hashes": [101, 102, 103], "parent_block_hash": null, "token_ids": [1, 2, 3], "block_size": 16, "lora_id": null}], "data_parallel_rank": 0}
[1700000001.0, [["BlockStored", [104], 103, [4], 16, null]], 0]
[1700000030.0, [["BlockStored", [201, 202], 102, [5], 16, null, "GPU"], ["BlockRemoved", [103]]], 0]
)"},
  };
  return kSamples;
}

}  // namespace kv::test
