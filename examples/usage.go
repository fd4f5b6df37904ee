// Posts usage events with Go's standard library. A lost answer is no problem: the same id counts once, so it is
// sent again.
package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"time"
)

type event struct {
	ID        string    `json:"id"`
	Customer  string    `json:"customer"`
	Dimension string    `json:"dimension"`
	Quantity  string    `json:"quantity"` // a string keeps every decimal
	Timestamp time.Time `json:"timestamp"`
}

var client = &http.Client{Timeout: 10 * time.Second}

// postUsage posts up to 1000 events; the same events again after anything that may pass.
func postUsage(events []event) (string, error) {
	body, err := json.Marshal(events)
	if err != nil {
		return "", err
	}
	for attempt := range 6 {
		if attempt > 0 {
			time.Sleep(time.Second / 2 << (attempt - 1))
		}
		status, answer, err := post(body)
		switch {
		case err != nil || status == http.StatusTooManyRequests || status >= 500:
			continue
		case status == http.StatusAccepted:
			return answer, nil
		default:
			return "", fmt.Errorf("Metergate refused the usage: %s", answer)
		}
	}
	return "", errors.New("Metergate cannot be reached; keep the events, and post them later")
}

func post(body []byte) (status int, answer string, err error) {
	request, err := http.NewRequest(http.MethodPost, os.Getenv("METERGATE_URL")+"/v1/usage", bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Authorization", "Bearer "+os.Getenv("METERGATE_KEY"))
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

func main() {
	answer, err := postUsage([]event{{
		ID:        rand.Text(), // made once, where the usage happens, and kept for every retry
		Customer:  os.Getenv("CUSTOMER"),
		Dimension: os.Getenv("DIMENSION"),
		Quantity:  "1.5",
		Timestamp: time.Now().UTC(),
	}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer)
}
